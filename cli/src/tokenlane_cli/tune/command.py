"""`tokenlane tune`."""

import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console
from rich.text import Text

from tokenlane_chassis.clock import unix_ms
from tokenlane_cli import flags, local_defaults
from tokenlane_cli.durations import parse_duration
from tokenlane_cli.errors import UsageError
from tokenlane_cli.figures import plain
from tokenlane_cli.operating import bus_url, open_bus
from tokenlane_cli.plan import files
from tokenlane_cli.plan.display import Stage, Tell, show_stages
from tokenlane_cli.plan.waiting import in_background, leave_at_once
from tokenlane_cli.tune.analysis import Asked, Found, analyse
from tokenlane_cli.tune.gather import count_bus, count_file
from tokenlane_cli.tune.hardware import check_flags, named_hardware
from tokenlane_cli.tune.present import Given, Isolation
from tokenlane_cli.tune.report import Report
from tokenlane_cli.tune.rows import Wanted
from tokenlane_cli.tune.settings_text import environment, helm_values
from tokenlane_cli.tune.table import report_lines
from tokenlane_proto.subjects import is_token


def tune(
    from_file: Annotated[
        Path | None, typer.Option("--from", help="What `tokenlane record` wrote.", show_default="the bus")
    ] = None,
    since: Annotated[str, typer.Option(help="Only requests of that time, as in 24h.", show_default="all")] = "",
    tenant: Annotated[str, typer.Option(help="Only this tenant's.", show_default="all tenants'")] = "",
    served_model: Annotated[
        str,
        typer.Option(help="Only those for this model, as clients name it.", show_default="the one with most tokens"),
    ] = "",
    lanes: Annotated[
        str,
        typer.Option(help="Present lanes, as in short:8192,long.", show_default="as the bus or the traffic has them"),
    ] = "",
    replicas: Annotated[str, typer.Option(help="Present workers by lane, as in 2,1.", show_default="as recorded")] = "",
    isolation: Annotated[
        Isolation | None,
        typer.Option(help="Whether idle workers help the other lane.", show_default="as the bus has it"),
    ] = None,
    model: Annotated[str, typer.Option(help="Model to simulate, such as llama-3-70b.")] = "",
    gpu: Annotated[str, typer.Option(help="GPU to simulate, such as h100.")] = "",
    tp: Annotated[
        int | None, typer.Option(min=1, help="GPUs of a replica.", show_default="fewest that hold a full context")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="An engine as `tokenlane calibrate` measured it, instead of --model and --gpu.")
    ] = None,
    class_boundary: Annotated[int, typer.Option(min=1, help="Tokens in all up to which a request is short.")] = 4096,
    slo_tpot: Annotated[str, typer.Option(help="Most time per output token that engine settings allow.")] = "80ms",
    least: Annotated[int, typer.Option(min=1, help="Fewer requests than that say nothing.")] = 1000,
    routes: Annotated[int, typer.Option(min=0, help="Routes to show.")] = 10,
    as_json: flags.AsJson = False,
    helm: Annotated[Path | None, typer.Option("--helm-values", help="Write values for the Helm chart.")] = None,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: Annotated[Path, typer.Option(help="Where to look for a running stack.")] = Path(local_defaults.DATA_DIR),
) -> None:
    """Say what recorded traffic asks for: where lanes divide, or that one is better, and settings of their engines.

    Reads a week of usage from the bus, or a recording. Recommendations are simulated on the recorded arrivals beside
    what runs now; without --model and --gpu or --profile on step times that the recorded ones suggest."""
    check_flags(model, gpu, tp, profile)
    if tenant and not is_token(tenant):
        raise UsageError(f"{tenant!r} is not the name of a tenant")
    start = unix_ms() - round(parse_duration("--since", since) * 1000) if since else 0
    wanted = Wanted(start, tenant, served_model)
    hardware = named_hardware(model, gpu, tp, profile)
    given = Given(lanes, replicas, isolation)
    asked = Asked(hardware, given, class_boundary, parse_duration("--slo-tpot", slo_tpot), least, routes)
    if helm is not None and find_spec("yaml") is None:
        raise UsageError("--helm-values needs more packages: pip install 'tokenlane-cli[plan]'")
    files.check_file("--helm-values", helm)

    async def on_bus(tell: Tell) -> Found:
        url = bus_url(nats_url, data_dir)
        async with open_bus(url, nats_creds) as bus:
            return await count_bus(bus, wanted, url, lambda rows: tell(Stage(f"reading the bus, {rows:,} requests")))

    def work(tell: Tell) -> Report:
        found = uvloop.run(on_bus(tell)) if from_file is None else count_file(from_file, wanted, _reading(tell))
        tell(Stage("simulating"))
        return analyse(found, asked, lambda runs: tell(Stage("simulating", simulations=runs)))

    try:
        with show_stages(Console(stderr=True)) as tell:
            report = in_background(lambda: work(tell))
        _deliver(report, as_json, helm)
    except KeyboardInterrupt:
        leave_at_once()


def _reading(tell: Tell) -> Callable[[int, int | None], None]:
    return lambda read, size: tell(Stage("reading the recording", read, size or 0))


def _deliver(report: Report, as_json: bool, helm: Path | None) -> None:
    out = Console()
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        for line in report_lines(report):
            out.print(line)
        if report.advice is not None:
            out.print(Text("to set it:", style="bold"))
            for setting in map(plain, environment(report.advice)):
                out.print(Text(f"  {setting}", style="cyan"), soft_wrap=True)
    if helm is not None:
        if report.advice is None:
            raise UsageError(f"--helm-values: nothing is recommended. {' '.join(report.verdict)}")
        command = shlex.join(["tokenlane", *sys.argv[1:]])
        files.write("--helm-values", helm, helm_values(report.advice, command).encode())
