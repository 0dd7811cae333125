"""`tokenlane demo`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from openai import AsyncOpenAI
from rich.console import Console
from rich.progress import Progress

from tokenlane_cli import flags, local_defaults
from tokenlane_cli.demo.ask import Answer, ask_all
from tokenlane_cli.demo.requests import mixed
from tokenlane_cli.demo.table import answers_table, summary
from tokenlane_cli.stack.files import StackInfo
from tokenlane_cli.stack.local_stack import run_stack
from tokenlane_cli.stack.options import EngineKind
from tokenlane_cli.stack.resolve import StackFlags, resolve
from tokenlane_cli.stack.welcome import welcome

_CONCURRENCY = 6
_TIMEOUT_S = 600


def demo(
    engine: flags.Engine = EngineKind.VLLM,
    model: flags.Model = "",
    engine_url: flags.EngineUrl = "",
    engine_command: flags.EngineCommand = "vllm",
    engine_args: flags.EngineArgs = None,
    lanes: flags.Lanes = "",
    workers_short: flags.WorkersShort = 1,
    workers_long: flags.WorkersLong = 1,
    port: flags.Port = None,
    data_dir: flags.DataDir = Path(local_defaults.DATA_DIR),
    sim_profile: flags.SimProfile = "",
    sim_speed: flags.SimSpeed = None,
    autoscaler: flags.Autoscaler = True,
    max_replicas: flags.MaxReplicas = None,
    leave: Annotated[bool, typer.Option("--exit", help="End after the table.")] = False,
) -> None:
    """Run the whole stack, send it twenty short and long chat requests, show what came back, stay up until Ctrl-C."""
    console = Console()

    async def show(stack: StackInfo) -> int:
        answers = await _ask(console, stack)
        console.print(answers_table(answers))
        for line in summary(answers):
            console.print(line, highlight=False)
        code = 1 if any(answer.error for answer in answers) else 0
        if not leave:
            console.print()
            welcome(console, stack)
            await asyncio.Event().wait()
        return code

    async def run() -> int:
        return await run_stack(await resolve(given), console, show)

    given = StackFlags(
        engine=engine,
        model=model,
        engine_url=engine_url,
        engine_command=engine_command,
        engine_args=engine_args,
        lanes=lanes,
        workers_short=workers_short,
        workers_long=workers_long,
        port=port,
        data_dir=data_dir,
        sim_profile=sim_profile,
        sim_speed=sim_speed,
        autoscaler=autoscaler,
        max_replicas=max_replicas,
    )
    raise typer.Exit(uvloop.run(run()))


async def _ask(console: Console, stack: StackInfo) -> list[Answer]:
    lanes = stack.lanes
    asks = mixed(lanes[0].boundary, lanes[-1].max_model_len)
    url = f"{stack.url}/v1"
    async with AsyncOpenAI(base_url=url, api_key=stack.api_key, timeout=_TIMEOUT_S, max_retries=0) as client:
        with Progress(console=console, transient=True) as progress:
            bar = progress.add_task(f"Asking {len(asks)} questions", total=len(asks))
            return await ask_all(client, stack.model, asks, _CONCURRENCY, lambda _: progress.advance(bar))
