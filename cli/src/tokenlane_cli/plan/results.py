"""What a plan leaves behind: stdout and files."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from tokenlane_cli.plan import files
from tokenlane_cli.plan.answer import Answer
from tokenlane_cli.plan.cost_plot import cost_against_boundary
from tokenlane_cli.plan.drawing import png, svg
from tokenlane_cli.plan.helm_values import choose, helm_values
from tokenlane_cli.plan.latency_plot import latency_cdfs
from tokenlane_cli.plan.page import html_page
from tokenlane_cli.plan.table import plan_lines
from tokenlane_fleet.plan.report import PlanReport


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where results go; None: not wanted. `option`: whose Helm values, empty for the recommended one's."""

    as_json: bool = False
    html: Path | None = None
    plots: Path | None = None
    helm: Path | None = None
    option: str = ""


def check(wanted: Wanted) -> None:
    """Raises UsageError for what could not be written after the long computation."""
    files.check_file("--html", wanted.html)
    files.check_file("--helm-values", wanted.helm)
    files.check_directory("--plots", wanted.plots)


def as_json(report: PlanReport) -> str:
    """The report as it is."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def deliver(answer: Answer, wanted: Wanted, out: Console) -> None:
    """Print the result, write the files.. Raises UsageError."""
    if wanted.as_json:
        print(as_json(answer.report))
    else:
        for line in plan_lines(answer):
            out.print(line)
    if wanted.html:
        files.write("--html", wanted.html, html_page(answer).encode())
    if wanted.plots:
        _write_plots(answer, wanted.plots)
    if wanted.helm:
        option = choose(answer, wanted.option)
        files.write("--helm-values", wanted.helm, helm_values(answer, option).encode())


def _write_plots(answer: Answer, folder: Path) -> None:
    for name, drawn in (("cost", cost_against_boundary(answer.report)), ("latency", latency_cdfs(answer))):
        if drawn is not None:
            files.write("--plots", folder / f"{name}.png", png(drawn))
            files.write("--plots", folder / f"{name}.svg", svg(drawn).encode())
