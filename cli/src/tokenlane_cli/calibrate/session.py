"""A calibration from the first probe to the profile."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tokenlane_cli.calibrate.load import Room
from tokenlane_cli.calibrate.measure import Progress as Report
from tokenlane_cli.calibrate.measure import measure
from tokenlane_cli.calibrate.prompts import Prompts
from tokenlane_cli.calibrate.stream import Completions
from tokenlane_cli.calibrate.target import Target, find_target
from tokenlane_cli.calibrate.timing import Timing
from tokenlane_cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the flags say. None: what the server says, and where it says nothing the flag is asked for."""

    url: str
    api_key: str
    model: str
    out: Path
    seconds: float
    streams: int
    max_model_len: int | None
    kv_tokens: int | None
    block_size: int | None
    max_num_seqs: int
    max_num_batched_tokens: int
    gpu: str
    tensor_parallel: int
    price: float


@dataclass(frozen=True, slots=True)
class Engine:
    """The target with nothing left open."""

    model: str
    name: str
    max_model_len: int
    kv_tokens: int
    block_size: int


async def calibrate_server(wanted: Wanted, seed: int, console: Console) -> tuple[Engine, list[Timing]]:
    """Measure it. Prompts follow from `seed`. Raises UsageError."""
    url = wanted.url.rstrip("/").removesuffix("/v1")
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {wanted.api_key}"} if wanted.api_key else {}
    headers["Content-Type"] = "application/json"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
    async with aiohttp.ClientSession(connector=connector, headers=headers, timeout=timeout) as http:
        engine = _complete(await find_target(http, url, wanted.model), wanted)
        room = Room(engine.max_model_len, engine.kv_tokens, min(wanted.streams, wanted.max_num_seqs))
        prompts = Prompts(random.Random(seed))
        with _shown(console, wanted.seconds) as progress:
            return engine, await measure(Completions(http, url, engine.model), prompts, room, wanted.seconds, progress)


def _complete(target: Target, wanted: Wanted) -> Engine:
    """Flags go before what the server says."""
    max_model_len = wanted.max_model_len or target.max_model_len
    kv_tokens = wanted.kv_tokens or target.kv_tokens
    if max_model_len is None:
        raise UsageError("the server does not say how long its context is: name it with --max-model-len")
    if kv_tokens is None:
        raise UsageError("the server does not say how many tokens its KV cache holds: name them with --kv-tokens")
    block_size = wanted.block_size or target.block_size or 16
    return Engine(target.model, target.engine, max_model_len, kv_tokens, block_size)


@contextmanager
def _shown(console: Console, seconds: float) -> Iterator[Report]:
    columns = (BarColumn(bar_width=None), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("counting tokens", total=seconds)
        yield lambda name, gone: progress.update(bar, completed=gone, description=name)
