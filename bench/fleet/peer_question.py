"""One question to both simulators, and the way to the peer: a process of its own Python."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Findings
from tokenlane_cli.traces.load import load
from tokenlane_cli.traces.reader import open_trace
from tokenlane_fleet.distribution import Distribution

_SIDE = Path(__file__).with_name("peer_side.py")
# Bins of the peer's own distributions.
_BINS = (64, 128, 256, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 24576, 32768, 49152, 65536)


@dataclass(frozen=True, slots=True)
class Question:
    """Fewest GPUs for `rate` requests/s of these lengths with a P99 of `slo_s` to the first token? `requests` are
    judged, after a fifth as many."""

    cdf: tuple[tuple[float, float], ...]
    rate: float
    slo_s: float
    boundary: int
    long_context: int
    requests: int
    instance_requests: int


def distribution_of(path: Path) -> Distribution:
    """As it is, or of a trace's total tokens in the peer's bins. Raises UsageError."""
    opened = open_trace(path, None, Findings())
    if isinstance(opened, Distribution):
        return opened
    totals = load(path).trace.total_tokens
    return Distribution.of((edge, float(np.mean(totals <= edge))) for edge in _BINS)


def asked(python: Path, question: Question) -> dict[str, Any]:
    """The peer's answer. Raises UsageError where it cannot run."""
    text = json.dumps(asdict(question))
    done = subprocess.run([str(python), str(_SIDE)], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(f"{python} cannot run the peer (is vllm-sr-sim installed there?): {last}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
