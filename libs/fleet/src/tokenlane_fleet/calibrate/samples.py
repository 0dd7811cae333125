"""What was measured, as far as a step's duration depends on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokenlane_fleet.outcome import Batch

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StepSample:
    """`seconds` that the steps in `batches` took one after the other: one step, or those of a prompt in chunks.

    `requests` is how many requests had their way to the engine and back measured with it: 0 between the tokens of a
    stream, 1 from a request to its first token.
    """

    batches: tuple[Batch, ...]
    seconds: float
    requests: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Samples as arrays. `tokens` and `owner` have a row for every step; all others a row for every sample.

    `owner` is the sample that a step belongs to. The rest are sums over a sample's steps.
    """

    tokens: Array
    owner: npt.NDArray[np.intp]
    steps: Array
    num_seqs: Array
    context_tokens: Array
    attention_pairs: Array
    requests: Array
    seconds: Array


def tabulate(samples: Sequence[StepSample]) -> Table:
    """Empty batches take no time and are left out."""
    rows = [(owner, batch) for owner, sample in enumerate(samples) for batch in sample.batches if batch.num_seqs]
    owner = np.array([number for number, _ in rows], dtype=np.intp)

    def summed(values: list[int]) -> Array:
        weights = np.array(values, dtype=np.float64)
        return np.bincount(owner, weights=weights, minlength=len(samples)).astype(np.float64)

    return Table(
        tokens=np.array([batch.tokens for _, batch in rows], dtype=np.float64),
        owner=owner,
        steps=summed([1] * len(rows)),
        num_seqs=summed([batch.num_seqs for _, batch in rows]),
        context_tokens=summed([batch.context_tokens for _, batch in rows]),
        attention_pairs=summed([batch.attention_pairs for _, batch in rows]),
        requests=np.array([sample.requests for sample in samples], dtype=np.float64),
        seconds=np.array([sample.seconds for sample in samples], dtype=np.float64),
    )
