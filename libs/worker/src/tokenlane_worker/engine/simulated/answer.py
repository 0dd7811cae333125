"""One request on its way: what it has still to say, and to whom."""

import asyncio

from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.engine.simulated.ask import Ask
from tokenlane_worker.engine.simulated.plan import Plan
from tokenlane_worker.engine.simulated.stream import ChoiceStream, Stamp, closing, head, opening
from tokenlane_worker.engine.simulated.whole import whole_body

EVENT_STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


class Answer:
    """Collects what a step brings for one request and hands it to the sink at once. `done` resolves at the end."""

    __slots__ = ("_ask", "_chunks", "_left", "_plans", "_sink", "_stamp", "_start", "done", "ids")

    def __init__(self, ask: Ask, plans: list[Plan], stamp: Stamp, sink: Sink, done: asyncio.Future[None]) -> None:
        self.done = done
        self.ids: list[int] = []
        self._ask = ask
        self._plans = plans
        self._stamp = stamp
        self._sink = sink
        self._left = len(plans)
        self._start = head(ask, stamp)
        self._chunks: list[bytes] = []

    def begin(self) -> list[ChoiceStream] | None:
        """The streams of the choices, or None if the answer is one body."""
        if not self._ask.stream:
            return None
        self._sink.head(200, EVENT_STREAM)
        self._chunks.append(opening(self._ask, self._start))
        return [ChoiceStream(self._ask, plan, i, self._stamp, self._start) for i, plan in enumerate(self._plans)]

    def write(self, event: bytes) -> None:
        self._chunks.append(event)

    def end_choice(self) -> None:
        self._left -= 1

    def flush(self) -> None:
        """One `data` for all that was written since the last, and at the end what closes the answer."""
        if not self._left:
            self._close()
        if self._chunks:
            self._sink.data(b"".join(self._chunks))
            self._chunks.clear()
        if not self._left and not self.done.done():
            self.done.set_result(None)

    def _close(self) -> None:
        if self._ask.stream:
            self._chunks.append(closing(self._ask, self._start, sum(len(plan.pieces) for plan in self._plans)))
        else:
            self._sink.head(200, JSON)
            self._chunks.append(whole_body(self._ask, self._plans, self._stamp))

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)
