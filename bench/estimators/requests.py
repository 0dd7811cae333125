"""Traffic that estimators are tried on."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tokenlane_classifier.estimate.route import Route
from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Findings
from tokenlane_cli.traces.reader import open_trace
from tokenlane_fleet.distribution import Distribution

PLAIN = Route("tenant", "model", 1, 0, 0, 0)


class Asked(NamedTuple):
    """A request: when it came, what is known of it, and what it will have produced. Tokens."""

    at_ms: int
    route: Route
    prompt_tokens: int
    output_tokens: int


class Traffic(NamedTuple):
    """Requests in the order of time."""

    name: str
    requests: Sequence[Asked]


def read(path: Path) -> Traffic:
    """A trace file: all of one route, without `max_tokens`. Raises UsageError."""
    opened = open_trace(path, None, Findings())
    if isinstance(opened, Distribution):
        raise UsageError(f"{path} is a distribution: it has no order to learn in")
    found = [
        Asked(round(at_s * 1e3), PLAIN, prompt, output)
        for block in opened
        for at_s, prompt, output in zip(block.at_s, block.prompts, block.outputs, strict=True)
    ]
    return Traffic(path.name, found)
