"""`tokenlane plan`."""

import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tokenlane_cli import flags
from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan.display import show_stages
from tokenlane_cli.plan.question import Budgets, Question, check_hardware, objectives
from tokenlane_cli.plan.waiting import in_background, leave_at_once
from tokenlane_fleet.plan.settings import STRATEGIES

_NEEDED = ("numpy", "numba", "matplotlib", "jinja2", "yaml")


def plan(
    trace: Annotated[Path, typer.Argument(help="CSV, JSON lines, or a JSON distribution of request lengths.")],
    model: Annotated[str, typer.Option(help="Model, such as llama-3-70b. `tokenlane size` lists them.")] = "",
    gpu: Annotated[str, typer.Option(help="GPU, such as h100.")] = "",
    tp: Annotated[
        int | None, typer.Option(min=1, help="GPUs of a replica.", show_default="fewest that hold a full context")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="An engine as `tokenlane calibrate` measured it, instead of --model and --gpu.")
    ] = None,
    slo_ttft: Annotated[
        str,
        typer.Option(
            help="Most time to first token, of short requests and of long ones.", show_default="1s, long: 5 times"
        ),
    ] = "1s",
    slo_tpot: Annotated[str, typer.Option(help="Most time per output token after it, likewise.")] = "80ms",
    slo_prompt_rate: Annotated[
        float,
        typer.Option(
            min=0,
            help="A long request may take the short limit and its prompt at so many tokens a second; 0: no.",
        ),
    ] = 4000,
    class_boundary: Annotated[
        int, typer.Option(min=0, help="Tokens in all up to which a request is short; 0: one class.")
    ] = 4096,
    attainment: Annotated[float, typer.Option(help="Share of each class that keeps both limits.")] = 0.99,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second.", show_default="the trace's")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first requests of the trace.")] = None,
    price: Annotated[
        float | None, typer.Option(min=0, help="Dollars a GPU and hour.", show_default="a list price")
    ] = None,
    budgets: Annotated[
        Budgets, typer.Option(help="What is known of a request's length when its lane is chosen.")
    ] = Budgets.EXACT,
    lanes: Annotated[int, typer.Option(min=1, max=3, help="Most lanes to try.")] = 3,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="Largest fleet to try.", show_default="by traffic")
    ] = None,
    linear: Annotated[
        bool, typer.Option("--linear", help="Step time grows with every token, instead of a roofline.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="For whatever is drawn at random.")] = 0,
    as_json: flags.AsJson = False,
    html: Annotated[Path | None, typer.Option(help="Write a report, one HTML file.")] = None,
    plots: Annotated[Path | None, typer.Option(help="Write the plots into this directory, as PNG and SVG.")] = None,
    helm_values: Annotated[Path | None, typer.Option(help="Write values for the Helm chart.")] = None,
    option: Annotated[
        str, typer.Option(help="Whose Helm values, as --json names it.", show_default="the recommended one's")
    ] = "",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Simulations at once.", show_default="as many as there are cores")
    ] = None,
) -> None:
    """Find the cheapest fleet that keeps the objectives for a trace: one pool or lanes, boundary, replicas, settings.

    Everything is simulated. Exit code 0: a fleet keeps the objectives; 1: none that was tried does."""
    check_hardware(model, gpu, tp, profile, linear)
    asked = objectives(slo_ttft, slo_tpot, class_boundary, slo_prompt_rate, attainment)
    question = Question(
        trace, model, gpu, tp, profile, asked, rate, limit, price, budgets, lanes, max_replicas, linear, seed,
        jobs or len(os.sched_getaffinity(0)),
    )  # fmt: skip
    check_packages()
    # Late: they take a second, and packages that a plan alone needs.
    from tokenlane_cli.plan.ask import ask
    from tokenlane_cli.plan.results import Wanted, check, deliver

    check_option(option, helm_values)
    wanted = Wanted(as_json, html, plots, helm_values, option)
    check(wanted)
    command = shlex.join(["tokenlane", *sys.argv[1:]])
    try:
        with show_stages(Console(stderr=True)) as tell:
            answer = in_background(lambda: ask(question, command, tell))
        deliver(answer, wanted, Console())
    except KeyboardInterrupt:
        leave_at_once()
    raise typer.Exit(0 if answer.report.best is not None else 1)


def check_option(option: str, helm_values: Path | None) -> None:
    """Raises UsageError for a key that no plan has, or one that nothing asks for."""
    if option and helm_values is None:
        raise UsageError("--option says whose values --helm-values writes: it needs that too")
    if option and option not in STRATEGIES:
        raise UsageError(f"--option: there is no {option!r}; there are: {', '.join(STRATEGIES)}")


def check_packages() -> None:
    """Raises UsageError where the extra `plan` is not installed."""
    if any(find_spec(name) is None for name in _NEEDED):
        raise UsageError("tokenlane plan needs more packages: pip install 'tokenlane-cli[plan]'")
