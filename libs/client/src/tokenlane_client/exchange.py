"""One reader of one answer: frames come in by callback, the reader's task takes out what to show."""

import asyncio
from collections.abc import Callable, Mapping

from tokenlane.v1.recovery_pb2 import Shown
from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Waiting
from tokenlane_client import answer, failure
from tokenlane_client.answer import AnswerState, End, Part
from tokenlane_client.failure import Failure
from tokenlane_client.tail import Tail
from tokenlane_proto.events import EVENT_STREAM

_GOES_WELL = (Outcome.OUTCOME_UNSPECIFIED, Outcome.OUTCOME_COMPLETED)


class Exchange:
    """What came back so far and was not taken yet. Made and closed by `Exchanges`; used on the event loop only.

    `first_event` events were shown before it was made, `digest` is theirs (None: not known). `body_sha256`: of the body
    that came with an idempotency key, as long as it is not known whether the key stands for that body. `refusal_seq`:
    of the refusal that the request came again after, 0 if there was none."""

    __slots__ = (
        "_chunks",
        "_end",
        "_head",
        "_missed",
        "_moved",
        "_state",
        "_tail",
        "_waiter",
        "body_sha256",
        "gone",
        "heard",
        "inbox",
        "missing",
        "refusal_seq",
        "request_id",
        "tenant",
        "waiting",
    )

    def __init__(
        self,
        tenant: str,
        request_id: str,
        inbox: str,
        missed: Callable[["Exchange"], None],
        *,
        first_event: int = 0,
        digest: int | None = 0,
        body_sha256: bytes = b"",
        refusal_seq: int = 0,
    ) -> None:
        self.tenant = tenant
        self.request_id = request_id
        # Last part of the subject that its frames arrive on.
        self.inbox = inbox
        self.body_sha256 = body_sha256
        self.refusal_seq = refusal_seq
        # The client closed the connection.
        self.gone = False
        # A frame came since this was last set to False.
        self.heard = False
        # What came last could not be shown, because something before it is missing.
        self.missing = False
        # How it stood in the queue last, if anybody told.
        self.waiting: Waiting | None = None
        self._moved = False
        self._missed = missed
        self._state = AnswerState(events=first_event)
        self._tail = Tail(first_event, digest)
        self._head: Head | None = None
        self._chunks: list[bytes] = []
        self._end: End | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def events(self) -> int:
        """Events of a streamed answer that were shown so far, before it was made included."""
        return self._state.events

    @property
    def digest(self) -> int | None:
        """Digest of these events, None if it is not known; nobody asks for it after the end."""
        return self._tail.digest

    @property
    def settled(self) -> bool:
        """The request's own end was seen: nobody works on it any more."""
        return self._state.settled

    @property
    def ended(self) -> bool:
        """`take` gives the end next, or has given it."""
        return self._end is not None

    def feed(self, frame: Frame) -> None:
        """A frame arrived."""
        self.heard = True
        if frame.HasField("waiting"):
            self._wait(frame.waiting)
            return
        if self._end is None and frame.first_event < self._state.events and not self._agrees(frame):
            self.finish(failure.diverged())
            return
        if self._precedes(frame):
            part = answer.MISSED
        else:
            self._state, part = answer.step(self._state, frame)
        if part.missed:
            if self._end is None:
                self._missed(self)
            return
        self._show(part)
        if frame.checkpointed_events > self._tail.first:
            self._tail.forget(min(frame.checkpointed_events, self._state.events))

    def feed_result(self, body: bytes, fields: Mapping[str, str]) -> None:
        """The stored result was found."""
        self._state, part = answer.from_store(self._state, body, fields, self._tail.digest)
        self._show(part)

    def supersede(self, attempt: int) -> None:
        """An attempt begins: nothing of a lower one is shown from now on."""
        if attempt > self._state.attempt:
            self._state = self._state._replace(attempt=attempt)

    def shown(self) -> Shown:
        """What the next attempt must go on from."""
        state = self._state
        return Shown(events=state.events, first_event=self._tail.first, tail=self._tail.data, head=state.head)

    def finish(self, error: Failure) -> None:
        """End it from this side: deadline, shutdown."""
        if self._end is None:
            self._end = error
            self._wake()

    def disconnect(self) -> None:
        """The client went away: there is nobody to show anything to."""
        self.gone = True
        self._chunks.clear()
        self._wake()

    async def take(self) -> Part:
        """All that there is to show, as one part; waits until there is something or the client is gone."""
        while not self._stirred():
            await self._sleep()
        part = Part(self._head, b"".join(self._chunks), self._end)
        self._head = None
        self._chunks.clear()
        return part

    async def place(self) -> Waiting | None:
        """How the request stands in the queue, each time that this was told anew; None once there is something to take.
        What comes faster than it is asked for is left out."""
        while not (self._stirred() or self._moved):
            await self._sleep()
        self._moved = False
        return None if self._stirred() else self.waiting

    def _stirred(self) -> bool:
        return bool(self._chunks) or self._end is not None or self._head is not None or self.gone

    async def _sleep(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def _wait(self, waiting: Waiting) -> None:
        """A frame that comes late tells nothing any more."""
        if self._state.head is None and self._end is None:
            self.waiting = waiting
            self._moved = True
            self._wake()

    def _agrees(self, frame: Frame) -> bool:
        state = self._state
        return state.ended or frame.attempt < state.attempt or self._tail.agrees(frame.first_event, frame.data)

    def _precedes(self, frame: Frame) -> bool:
        """Whether it begins ahead of the position that a reader came back with, whose digest is to be compared: only
        what attaching to the worker brings was."""
        return (
            self._state.head is None
            and frame.first_event < self._tail.first
            and self._tail.known
            and bool(frame.data)
            and frame.terminal.outcome in _GOES_WELL
            and (not frame.HasField("head") or frame.head.content_type.startswith(EVENT_STREAM))
        )

    def _show(self, part: Part) -> None:
        if self._end is not None or part is answer.NOTHING:
            return
        if not (part.data or part.head is not None or part.end is not None):
            return
        self.missing = False
        if part.head is not None:
            self._head = part.head
        if part.data:
            if part.end is None:
                self._tail.add(part.data)
            if not self.gone:
                self._chunks.append(part.data)
        self._end = part.end
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
