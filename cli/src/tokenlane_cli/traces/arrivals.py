"""A trace as requests to send. Raises UsageError."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Block, Findings
from tokenlane_cli.traces.drawn import drawn_blocks
from tokenlane_cli.traces.reader import open_trace
from tokenlane_fleet.distribution import Distribution

# Sent requests and what came of them are kept in memory until the report.
MOST_REQUESTS = 2_000_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of a trace: seconds after the first one, prompt and output in tokens, both at least 1."""

    at_s: float
    prompt_tokens: int
    output_tokens: int


def read_arrivals(
    path: Path, limit: int | None, rate: float | None, seed: int
) -> tuple[list[Arrival], tuple[str, ...]]:
    """The first `limit` requests in the order of time, and what is to be said of them. `rate` (requests a second) and
    `seed` are for distributions, which have no times."""
    findings = Findings()
    found: list[Arrival] = []
    for block in _blocks(path, limit, rate, seed, findings):
        found += map(Arrival, block.at_s, block.prompts, block.outputs)
        if limit is None and len(found) > MOST_REQUESTS:
            raise UsageError(f"{path} has more than {MOST_REQUESTS:,} requests: say with --limit how many to send")
    began = found[0].at_s
    if began:
        found = [Arrival(each.at_s - began, each.prompt_tokens, each.output_tokens) for each in found]
    return found, findings.notes()


def _blocks(path: Path, limit: int | None, rate: float | None, seed: int, findings: Findings) -> Iterator[Block]:
    opened = open_trace(path, limit, findings)
    if not isinstance(opened, Distribution):
        return opened
    if rate is None or limit is None:
        raise UsageError(f"{path} is a distribution, without times and without end: it needs --rate and --limit")
    return drawn_blocks(opened, limit, rate, seed)
