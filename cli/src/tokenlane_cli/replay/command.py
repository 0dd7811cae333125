"""`tokenlane replay`."""

from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from tokenlane_cli import flags, local_defaults
from tokenlane_cli.replay.session import ReplayOptions, check_json_file, run_replay
from tokenlane_cli.replay.target import choose, from_stack
from tokenlane_cli.stack import machine
from tokenlane_cli.stack.files import StackInfo
from tokenlane_cli.stack.local_stack import run_stack
from tokenlane_cli.stack.options import EngineKind
from tokenlane_cli.stack.resolve import StackFlags, resolve
from tokenlane_cli.stack.signals import Signals
from tokenlane_cli.traces.arrivals import Arrival, read_arrivals

_EXIT_INTERRUPTED = 130


def replay(
    trace: Annotated[Path, typer.Argument(help="CSV, JSON lines, or a JSON distribution of request lengths.")],
    speedup: Annotated[float, typer.Option(min=0.001, help="Send so many times faster than recorded.")] = 1.0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first requests of the trace.")] = None,
    url: Annotated[str, typer.Option(help="The ingress.", show_default="the stack running here")] = "",
    api_key: Annotated[str, typer.Option(envvar="TOKENLANE_API_KEY", help="Key for --url.")] = "",
    model: Annotated[str, typer.Option(help="Model to ask for.", show_default="the stack's")] = "",
    max_context: Annotated[
        int | None, typer.Option(min=16, help="Cut requests to so many tokens.", show_default="the engine's context")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Most requests in flight; later ones wait.", show_default="no bound")
    ] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Requests a second, for a distribution.")] = None,
    seed: Annotated[int, typer.Option(help="For filler text and sampled lengths.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything there, row by row.")] = None,
    start: Annotated[bool, typer.Option("--start", help="Run a simulated stack for the time of the replay.")] = False,
    sim_profile: flags.SimProfile = "",
    sim_speed: flags.SimSpeed = None,
    data_dir: flags.DataDir = Path(local_defaults.DATA_DIR),
) -> None:
    """Send a trace with its own arrival times and lengths, and show by lane what the client saw.

    Exit code 0: all requests were answered in full; 1: some were not."""
    console = Console()
    options = ReplayOptions(trace, speedup, limit, max_context, concurrency, rate, seed, json_file, data_dir)
    arrivals, notes = read_arrivals(trace, limit, rate, seed)
    check_json_file(json_file)
    for note in notes:
        console.print(note)
    machine.raise_file_limit()
    if start:
        flagged = StackFlags(
            engine=EngineKind.SIM, model=model, data_dir=data_dir, sim_profile=sim_profile, sim_speed=sim_speed
        )
        raise typer.Exit(uvloop.run(_on_own_stack(console, flagged, arrivals, options)))
    raise typer.Exit(uvloop.run(_on_running_stack(console, arrivals, options, url, api_key, model)))


async def _on_own_stack(console: Console, flagged: StackFlags, arrivals: list[Arrival], options: ReplayOptions) -> int:
    async def body(stack: StackInfo) -> int:
        return await run_replay(console, from_stack(stack), arrivals, options)

    return await run_stack(await resolve(flagged), console, body)


async def _on_running_stack(
    console: Console, arrivals: list[Arrival], options: ReplayOptions, url: str, api_key: str, model: str
) -> int:
    target = await choose(url, api_key, model, options.data_dir)
    signals = Signals()
    code = await signals.unless_stopped(run_replay(console, target, arrivals, options))
    return _EXIT_INTERRUPTED if code is None else code
