"""Traffic that changes: from chat to alike requests to many long ones, and back."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.sim.trace import Trace
from tokenlane_fleet.sim.workloads import LogNormal, bursty, long_documents, mixed, poisson_arrivals, resampled, uniform

# The Azure conversation trace of 2023 has nearly these: prompts P50 1,020 and P99 4,140, outputs P50 129 and P99 700.
CHAT_PROMPTS = LogNormal(p50=1_000, p99=4_200, longest=14_000)
CHAT_OUTPUTS = LogNormal(p50=150, p99=700, longest=1_000)
TAIL_OUTPUTS = LogNormal(p50=120, p99=2_500, longest=8_192)
PHASES = ("chat", "uniform", "long-heavy", "chat again")
LONG_SHARE = 0.3
# Requests a second of a replica: chat and uniform half to two thirds of what a tuned pool does, long-heavy as much.
CHAT_RATE, UNIFORM_RATE, LONG_RATE = 3.0, 3.5, 0.94


@dataclass(frozen=True, eq=False)
class Changing:
    """A trace and the phase of each of its requests."""

    trace: Trace
    phase: NDArray[np.int64]


def changing(
    replicas: int,
    phase_s: float,
    rng: np.random.Generator,
    chat: Trace | None = None,
    *,
    arrival_cv: float = 1.0,
    long_tailed: bool = False,
) -> Changing:
    """Four phases for a fleet of so many replicas. `chat`: lengths of chats (None: drawn from log-normals);
    `arrival_cv`: variation of the gaps; `long_tailed`: chats have outputs up to twenty times their median."""
    count = int(CHAT_RATE * replicas * phase_s)
    lengths = chat or _chat(count, rng)
    if long_tailed:
        lengths = replace(lengths, output_tokens=TAIL_OUTPUTS.draw(len(lengths), rng))
    parts = (
        resampled(lengths, count, CHAT_RATE * replicas, rng),
        uniform(int(UNIFORM_RATE * replicas * phase_s), UNIFORM_RATE * replicas, rng, (900, 1_148), (192, 320)),
        _long_heavy(lengths, LONG_RATE * replicas, phase_s, rng),
        resampled(lengths, count, CHAT_RATE * replicas, rng),
    )
    return _joined([bursty(part, arrival_cv, rng) for part in parts], phase_s)


def _chat(count: int, rng: np.random.Generator) -> Trace:
    arrivals = poisson_arrivals(count, 1.0, rng)
    return Trace("chat", arrivals, CHAT_PROMPTS.draw(count, rng), CHAT_OUTPUTS.draw(count, rng))


def _long_heavy(chat: Trace, rate: float, phase_s: float, rng: np.random.Generator) -> Trace:
    count = int(rate * phase_s)
    return mixed(resampled(chat, count, rate, rng), long_documents(count, rate, rng), LONG_SHARE, rate, rng)


def _joined(parts: list[Trace], phase_s: float) -> Changing:
    trace = Trace(
        "chat, uniform, long-heavy, chat",
        np.concatenate([part.arrival_s + number * phase_s for number, part in enumerate(parts)]),
        np.concatenate([part.prompt_tokens for part in parts]),
        np.concatenate([part.output_tokens for part in parts]),
    )
    return Changing(trace, np.repeat(np.arange(len(parts)), [len(part) for part in parts]))
