"""The busiest stretch of a model's requests, as arrays to simulate. Needs numpy."""

from dataclasses import dataclass

import numpy as np

from tokenlane_cli.record.rows import Row
from tokenlane_cli.traces.busiest import Busiest, Columns
from tokenlane_cli.tune.lanes import chosen_by
from tokenlane_fleet.sim.trace import Tokens, Trace

WINDOW = 20_000
_BLOCK_ROWS = 4_096


@dataclass(frozen=True, eq=False)
class Stretch:
    """Requests in the order of their acceptance; `budgets`: lengths by which their lanes were chosen, in tokens.
    `from_ms`, `to_ms`: since the Unix epoch."""

    trace: Trace
    budgets: Tokens
    from_ms: int
    to_ms: int


class Arrivals:
    """Keeps, of all stretches of `window` requests, the one with most tokens a second."""

    def __init__(self, window: int = WINDOW) -> None:
        self._busiest = Busiest(window, columns=4)
        self._origin_ms: int | None = None
        self._latest_ms = 0
        self._new: list[tuple[int, int, int, int]] = []

    def add(self, row: Row) -> None:
        """The next request. One that comes later than its place is put where it comes."""
        if self._origin_ms is None:
            self._origin_ms = row.timestamp
        self._latest_ms = max(self._latest_ms, row.timestamp)
        prompt, output = max(1, row.input_length), max(1, row.output_length)
        self._new.append((self._latest_ms - self._origin_ms, prompt, output, chosen_by(row) or prompt + output))
        if len(self._new) >= _BLOCK_ROWS:
            self._pass_on()

    def found(self) -> Stretch | None:
        """The stretch, from 0 s on; all requests where there are no more than `window`."""
        if self._origin_ms is None:
            return None
        self._pass_on()
        kept = self._busiest.found()
        whole = kept[1:].astype(np.int64)
        return Stretch(
            Trace("recorded", kept[0] - kept[0, 0], whole[0], whole[1]),
            whole[2],
            self._origin_ms + round(kept[0, 0] * 1000),
            self._origin_ms + round(kept[0, -1] * 1000),
        )

    def _pass_on(self) -> None:
        if self._new:
            columns: Columns = np.array(self._new, dtype=np.float64).T
            columns[0] /= 1000
            self._busiest.add(columns)
            self._new = []
