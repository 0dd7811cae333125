"""One request between the door and the bus: frames come in by callback, the request's task takes out what to show."""

import asyncio

from tokenlane.v1.reply_pb2 import Frame, Head
from tokenlane_ingress.answer import AnswerState, End, Part, step
from tokenlane_ingress.errors import ErrorAnswer


class Exchange:
    """What came back so far and was not shown yet. Made and closed by `Exchanges`; used on the event loop only."""

    __slots__ = (
        "_chunks",
        "_end",
        "_head",
        "_state",
        "_waiter",
        "gone",
        "named_by_client",
        "request_id",
        "subject",
        "tenant",
    )

    def __init__(self, tenant: str, request_id: str, subject: str, named_by_client: bool) -> None:
        self.tenant = tenant
        self.named_by_client = named_by_client
        self.request_id = request_id
        # Where its frames arrive.
        self.subject = subject
        # The client closed the connection.
        self.gone = False
        self._state = AnswerState()
        self._head: Head | None = None
        self._chunks: list[bytes] = []
        self._end: End | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def settled(self) -> bool:
        """Nobody works on the request any more."""
        return self._state.settled

    @property
    def ended(self) -> bool:
        """`take` gives the end next, or has given it."""
        return self._end is not None

    def feed(self, frame: Frame) -> None:
        """A frame arrived."""
        self._state, part = step(self._state, frame)
        if self._end is not None:
            return
        if part.head is not None:
            self._head = part.head
        if part.data:
            self._chunks.append(part.data)
        self._end = part.end
        if part.head is not None or part.data or part.end is not None:
            self._wake()

    def finish(self, error: ErrorAnswer) -> None:
        """End it from this side: deadline, shutdown."""
        if self._end is None:
            self._end = error
            self._wake()

    def disconnect(self) -> None:
        """The client went away: there is nobody to show anything to."""
        self.gone = True
        self._wake()

    async def take(self) -> Part:
        """All that there is to show, as one part; waits until there is something or the client is gone."""
        if not self._chunks and self._end is None and self._head is None and not self.gone:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        part = Part(self._head, b"".join(self._chunks), self._end)
        self._head = None
        self._chunks.clear()
        return part

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
