"""The published two-pool table (arXiv 2604.08075), and what its own closed form makes of it."""

import math
from dataclasses import dataclass

RATE = 1000.0
# Requests a second of one instance, as the paper's table of pools gives them, whatever the trace.
LONG_RATE, SHORT_RATE = 2.8, 11.2
RHO = SHORT_RATE / LONG_RATE


@dataclass(frozen=True, slots=True)
class Published:
    """One column of the table; None where the paper has no such number."""

    gpus: int
    ttft_p99_s: float | None = None
    preemptions_per_1000: float | None = None
    rejected: float | None = None


HOMOGENEOUS = {"Azure": Published(358, 1.82, 47.3, 0.0031), "LMSYS": Published(358)}
DUAL = {"Azure": Published(208, 1.71, 8.7, 0.0005), "LMSYS": Published(246)}


def published_saving(trace: str) -> float:
    """0.419 and 0.313."""
    return 1 - DUAL[trace].gpus / HOMOGENEOUS[trace].gpus


def closed_form_gpus(alpha: float) -> int:
    """Instances of two pools that serve `alpha` of the requests at `SHORT_RATE` and the rest at `LONG_RATE`."""
    return math.ceil(alpha * RATE / SHORT_RATE) + math.ceil((1 - alpha) * RATE / LONG_RATE)


def implied_alpha(trace: str) -> float:
    """The share of short requests that yields the published saving: saving = alpha * (1 - 1 / rho)."""
    return published_saving(trace) / (1 - 1 / RHO)
