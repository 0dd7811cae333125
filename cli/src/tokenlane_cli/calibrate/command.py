"""`tokenlane calibrate`."""

import asyncio
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tokenlane_cli.calibrate.profile_file import check_writable, write_profile
from tokenlane_cli.calibrate.session import Wanted, calibrate_server
from tokenlane_cli.errors import UsageError
from tokenlane_fleet import FleetError

_MISSING = "tokenlane calibrate needs more packages: pip install 'tokenlane-cli[plan]'"


def calibrate(
    url: Annotated[str, typer.Option(help="An OpenAI server that serves nothing else meanwhile.")],
    out: Annotated[Path, typer.Option(help="Where the profile is written.")],
    model: Annotated[str, typer.Option(help="Model to ask for.", show_default="the first one served")] = "",
    api_key: Annotated[str, typer.Option(envvar="TOKENLANE_API_KEY", help="Key for --url.")] = "",
    seconds: Annotated[float, typer.Option(min=5, max=3600, help="Most time under load.")] = 60,
    streams: Annotated[int, typer.Option(min=1, max=1024, help="Most requests at once.")] = 64,
    max_model_len: Annotated[
        int | None, typer.Option(min=128, help="Longest context, tokens.", show_default="the server's")
    ] = None,
    kv_tokens: Annotated[
        int | None, typer.Option(min=128, help="Tokens that the KV cache holds.", show_default="by vLLM's /metrics")
    ] = None,
    block_size: Annotated[
        int | None, typer.Option(min=1, help="Tokens a KV block.", show_default="by vLLM's /metrics, else 16")
    ] = None,
    max_num_seqs: Annotated[int, typer.Option(min=1, help="What the engine was started with.")] = 256,
    max_num_batched_tokens: Annotated[int, typer.Option(min=1, help="What the engine was started with.")] = 2048,
    gpu_name: Annotated[str, typer.Option(help="The device's name, for the plan.")] = "measured",
    tp: Annotated[int, typer.Option(min=1, help="GPUs that the engine runs on.")] = 1,
    price: Annotated[float, typer.Option(min=0, help="Price of a GPU hour, for the plan.")] = 0.0,
) -> None:
    """Measure the step times of a running engine by controlled load, for `tokenlane size` and `tokenlane plan`.

    The load ends by itself. Decode steps are timed between the tokens of streams that run together, prefills by the
    first token of a prompt alone."""
    try:
        from tokenlane_cli.calibrate import outcome, table
    except ImportError:
        raise UsageError(_MISSING) from None
    wanted = Wanted(
        url=url,
        api_key=api_key,
        model=model,
        out=out,
        seconds=seconds,
        streams=streams,
        max_model_len=max_model_len,
        kv_tokens=kv_tokens,
        block_size=block_size,
        max_num_seqs=max_num_seqs,
        max_num_batched_tokens=max_num_batched_tokens,
        gpu=gpu_name,
        tensor_parallel=tp,
        price=price,
    )
    check_writable(out)
    engine, timings = asyncio.run(calibrate_server(wanted, secrets.randbits(64), Console(stderr=True)))
    try:
        found = outcome.outcome(timings, max_num_batched_tokens)
    except FleetError as error:
        raise UsageError(f"{error}; give more --seconds") from None
    write_profile(out, outcome.profile(wanted, engine, found, datetime.now(UTC).isoformat(timespec="seconds")))
    console = Console()
    console.print(table.points_table(found))
    for line in table.summary(found):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"wrote {out}", highlight=False, soft_wrap=True)
