"""Requests drawn from a distribution of lengths, arriving by a Poisson process. Raises UsageError."""

import json
import random
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block
from tokenlane_cli.traces.complaints import no_trace
from tokenlane_cli.traces.source import Chunk
from tokenlane_fleet.distribution import Distribution, divide
from tokenlane_fleet.errors import TraceError

_LONGEST_BYTES = 16 * 1024**2
_BLOCK_ROWS = 8_192


def read_distribution(path: Path, chunks: Iterator[Chunk]) -> Distribution:
    """From a JSON list of [tokens, cumulative fraction], by itself or under the key `cdf`."""
    text = b""
    for chunk in chunks:
        text += chunk.data
        if len(text) > _LONGEST_BYTES:
            raise UsageError(f"{path} is no trace: one JSON document of more than {_LONGEST_BYTES // 1024**2} MiB")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if isinstance(content, dict) and "cdf" not in content:
        raise no_trace(path)
    try:
        return Distribution.of(content["cdf"] if isinstance(content, dict) else content)
    except TypeError:
        raise UsageError(f"{path} is no distribution: expected a JSON list of [tokens, cumulative fraction]") from None
    except TraceError as error:
        raise UsageError(f"{path} is no distribution: {error}") from None


def drawn_blocks(distribution: Distribution, limit: int, rate: float, seed: int) -> Iterator[Block]:
    """So many requests, at `rate` a second."""
    rows = islice(_rows(distribution, rate, random.Random(seed)), limit)
    for first in count(1, _BLOCK_ROWS):
        block = list(islice(rows, _BLOCK_ROWS))
        if not block:
            return
        at_s, prompts, outputs = (list(column) for column in zip(*block, strict=True))
        yield Block(at_s, prompts, outputs, range(first, first + len(block)))


def _rows(distribution: Distribution, rate: float, dice: random.Random) -> Iterator[tuple[float, int, int]]:
    at_s = 0.0
    while True:
        prompt, output = divide(distribution.quantile(dice.random()))
        yield at_s, prompt, output
        at_s += dice.expovariate(rate)
