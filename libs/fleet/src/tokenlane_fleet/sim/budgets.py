"""What the classifier believes a request takes, in total tokens: exactly, as declared, or estimated with real errors.

An estimate rests on the past alone: on requests that came `lag_s` before, as answers are known only when they end.
Memory is bounded as a service's would be.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.sim.past import OutputHistory, known_before, learned_ratios
from tokenlane_fleet.sim.trace import Tokens, Trace


@dataclass(frozen=True, slots=True)
class TextKind:
    """A kind of text: its share of the requests, the bytes a token of it takes, and their relative spread (standard
    deviation over mean) from request to request."""

    name: str
    share: float
    bytes_per_token: float
    spread: float


# Bytes a token: "Dual-Pool Token-Budget Routing" (arXiv 2604.08075), 4.48, 3.52, 2.01. It gives no spread: those of
# English and code follow from its estimates (4.41, 3.47) at half a mean deviation below the mean; that of CJK is
# assumed, and so are the shares.
KINDS = (
    TextKind("english", 0.7, 4.48, 0.04),
    TextKind("code", 0.2, 3.52, 0.035),
    TextKind("cjk", 0.1, 2.01, 0.08),
)
DEFAULT_OUTPUT = 512
LAG_S = 10.0


@dataclass(frozen=True, slots=True)
class Learning:
    """The classifier's settings: deviations below the mean (`gamma`), weight of the past (`beta`), and the smallest
    body that teaches, in bytes."""

    gamma: float = 0.5
    beta: float = 0.95
    least_body_bytes: int = 2_048


LEARNING = Learning()
HISTORY = OutputHistory()


def exact(trace: Trace) -> Tokens:
    """What the requests really take."""
    return trace.total_tokens


def declared(trace: Trace, default_output: int = DEFAULT_OUTPUT, prompts: Tokens | None = None) -> Tokens:
    """Clients that set no bound, each counted with the default one. `prompts`: as estimated; None: exact."""
    return (trace.prompt_tokens if prompts is None else prompts) + default_output


def estimated(
    trace: Trace,
    rng: np.random.Generator,
    *,
    kinds: Sequence[TextKind] = KINDS,
    learning: Learning = LEARNING,
    history: OutputHistory = HISTORY,
    default_output: int = DEFAULT_OUTPUT,
    lag_s: float = LAG_S,
) -> Tokens:
    """Prompts from bytes, outputs from what prompts of like length had before."""
    prompts = estimated_prompts(trace, rng, kinds=kinds, learning=learning, lag_s=lag_s)
    return prompts + estimated_outputs(trace, prompts, history=history, default_output=default_output, lag_s=lag_s)


def estimated_prompts(
    trace: Trace,
    rng: np.random.Generator,
    *,
    kinds: Sequence[TextKind] = KINDS,
    learning: Learning = LEARNING,
    lag_s: float = LAG_S,
) -> Tokens:
    """Prompt tokens as the classifier estimates them from a body's length, learning the bytes a token takes by kind."""
    shares = np.array([kind.share for kind in kinds])
    of_kind = rng.choice(len(kinds), size=len(trace), p=shares / shares.sum())
    body_bytes = trace.prompt_tokens * _ratios(kinds, of_kind, rng)
    found = np.empty(len(trace), dtype=np.int64)
    for index in range(len(kinds)):
        mine = np.flatnonzero(of_kind == index)
        ratio = _believed(trace, mine, body_bytes, learning, lag_s)
        found[mine] = np.ceil(body_bytes[mine] / ratio)
    return np.maximum(found, 1)


def estimated_outputs(
    trace: Trace,
    prompts: Tokens,
    *,
    history: OutputHistory = HISTORY,
    default_output: int = DEFAULT_OUTPUT,
    lag_s: float = LAG_S,
) -> Tokens:
    """A quantile of the outputs that prompts of the same octave had before; `default_output` until enough are known."""
    believed = history.quantiles(
        trace.arrival_s, trace.output_tokens, lag_s, default=np.full(len(trace), default_output)
    )
    octaves = np.frexp(prompts)[1]
    found = believed.copy()
    for octave in np.unique(octaves):
        mine = np.flatnonzero(octaves == octave)
        found[mine] = history.quantiles(trace.arrival_s[mine], trace.output_tokens[mine], lag_s, default=believed[mine])
    return found


def _ratios(kinds: Sequence[TextKind], of_kind: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Bytes a token of each request: log-normal with the kind's mean and spread."""
    sigma = np.sqrt(np.log1p(np.square([kind.spread for kind in kinds])))[of_kind]
    mean = np.array([kind.bytes_per_token for kind in kinds])[of_kind]
    return mean * np.exp(sigma * rng.standard_normal(len(of_kind)) - sigma**2 / 2)


def _believed(
    trace: Trace, mine: NDArray[np.intp], body_bytes: NDArray[np.float64], learning: Learning, lag_s: float
) -> NDArray[np.float64]:
    teaching = mine[body_bytes[mine] >= learning.least_body_bytes]
    after = learned_ratios(body_bytes[teaching] / trace.prompt_tokens[teaching], learning.gamma, learning.beta)
    return after[known_before(trace.arrival_s[mine], trace.arrival_s[teaching], lag_s)]
