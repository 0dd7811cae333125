"""`tokenlane up`."""

import asyncio
from pathlib import Path

import typer
import uvloop
from rich.console import Console

from tokenlane_cli import flags, local_defaults
from tokenlane_cli.stack.files import StackInfo
from tokenlane_cli.stack.local_stack import run_stack
from tokenlane_cli.stack.options import EngineKind
from tokenlane_cli.stack.resolve import StackFlags, resolve
from tokenlane_cli.stack.welcome import welcome


def up(
    engine: flags.Engine = EngineKind.VLLM,
    model: flags.Model = "",
    engine_url: flags.EngineUrl = "",
    engine_command: flags.EngineCommand = "vllm",
    engine_args: flags.EngineArgs = None,
    lanes: flags.Lanes = "",
    workers_short: flags.WorkersShort = 1,
    workers_long: flags.WorkersLong = 1,
    shared_engine: flags.SharedEngine = False,
    port: flags.Port = None,
    data_dir: flags.DataDir = Path(local_defaults.DATA_DIR),
    sim_profile: flags.SimProfile = "",
    sim_speed: flags.SimSpeed = None,
    autoscaler: flags.Autoscaler = True,
    max_replicas: flags.MaxReplicas = None,
) -> None:
    """Run the whole stack on this machine until Ctrl-C: nats-server, ingress, classifier, workers, autoscaler."""
    console = Console()

    async def serve(stack: StackInfo) -> int:
        welcome(console, stack)
        await asyncio.Event().wait()
        return 0

    async def run() -> int:
        return await run_stack(await resolve(given), console, serve)

    given = StackFlags(
        engine=engine,
        model=model,
        engine_url=engine_url,
        engine_command=engine_command,
        engine_args=engine_args,
        lanes=lanes,
        workers_short=workers_short,
        workers_long=workers_long,
        shared_engine=shared_engine,
        port=port,
        data_dir=data_dir,
        sim_profile=sim_profile,
        sim_speed=sim_speed,
        autoscaler=autoscaler,
        max_replicas=max_replicas,
    )
    raise typer.Exit(uvloop.run(run()))
