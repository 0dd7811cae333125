"""The busiest stretch of a trace that is longer than what is simulated, found in one pass. Needs numpy."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tokenlane_cli.traces.block import Block

# Rows: seconds, prompt tokens, output tokens, and what else is to be kept of each request.
Columns = NDArray[np.float64]


class Busiest:
    """Keeps, of all stretches of `window` requests, the one with the most tokens a second. Memory: a few windows."""

    def __init__(self, window: int, columns: int = 3) -> None:
        self._window = window
        self._new: list[Columns] = []
        self._new_rows = 0
        self._last: Columns = np.empty((columns, 0))
        self._best: Columns | None = None
        self._best_rate = -1.0

    def add(self, columns: Columns) -> None:
        """The next requests, in the order of time: shape (columns, requests)."""
        self._new.append(columns)
        self._new_rows += columns.shape[1]
        if self._new_rows >= self._window:
            self._look()

    def found(self) -> Columns:
        """The stretch; all requests where there are no more than `window`."""
        self._look()
        return self._last if self._best is None else self._best

    def _look(self) -> None:
        rows = np.concatenate([self._last, *self._new], axis=1)
        self._new, self._new_rows = [], 0
        if rows.shape[1] > self._window or self._best is not None:
            self._compare(rows)
        # All windows that end in `rows` were looked at; the next one begins one row later.
        self._last = rows[:, max(0, rows.shape[1] - self._window) :]

    def _compare(self, rows: Columns) -> None:
        tokens = np.concatenate(([0.0], np.cumsum(rows[1] + rows[2])))
        taken = tokens[self._window :] - tokens[: -self._window]
        spans = rows[0, self._window - 1 :] - rows[0, : rows.shape[1] - self._window + 1]
        rates = taken / np.maximum(spans, 1e-9)
        at = int(rates.argmax())
        if rates[at] > self._best_rate:
            self._best_rate, self._best = float(rates[at]), rows[:, at : at + self._window].copy()


def as_columns(blocks: Iterator[Block]) -> Iterator[Columns]:
    """Blocks as arrays. Tokens are exact: they stay below 2**53."""
    for block in blocks:
        yield np.array([block.at_s, block.prompts, block.outputs], dtype=np.float64)
