"""Asking the dispatcher what is to become of what was classified."""

import asyncio
from time import monotonic

import structlog

from tokenlane.v1.line_pb2 import Ask, Candidate, Verdict, Verdicts
from tokenlane_chassis.bus import Bus
from tokenlane_proto import codec, subjects
from tokenlane_proto.errors import MalformedMessageError

# A dispatcher that does not answer within this is not waited for.
PATIENCE_S = 0.25
# Questions in one message.
_MOST = 256
# Silence is told of this often at most.
_TELL_S = 10.0

GO = Verdict()


class Asking:
    """What is asked within one turn of the event loop is asked in one message. Where nobody answers, all goes on to its
    lane: without a dispatcher there is no order and are no limits, but everything is answered."""

    def __init__(self, bus: Bus, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._log = log
        self._open: list[tuple[Candidate, asyncio.Future[Verdict]]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._told_s = 0.0

    async def verdict(self, candidate: Candidate) -> Verdict:
        """What is to become of it."""
        answer: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._open.append((candidate, answer))
        if len(self._open) == 1:
            asyncio.get_running_loop().call_soon(self._ask)
        elif len(self._open) == _MOST:
            self._ask()
        return await answer

    def _ask(self) -> None:
        if self._open:
            asked, self._open = self._open, []
            task = asyncio.create_task(self._put(asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _put(self, asked: list[tuple[Candidate, asyncio.Future[Verdict]]]) -> None:
        question = Ask(candidates=[candidate for candidate, _ in asked]).SerializeToString()
        answers = await self._bus.ask(subjects.LINE_ASK, question, PATIENCE_S)
        verdicts = self._read(answers[0].data, len(asked)) if answers else None
        if verdicts is None:
            self._tell_silence()
            verdicts = [GO] * len(asked)
        for (_, answer), verdict in zip(asked, verdicts, strict=True):
            if not answer.done():
                answer.set_result(verdict)

    def _read(self, data: bytes, wanted: int) -> list[Verdict] | None:
        try:
            verdicts: Verdicts = codec.decode_verdicts(data)
        except MalformedMessageError as error:
            self._log.warning("verdicts ignored", reason=str(error))
            return None
        return list(verdicts.verdicts) if len(verdicts.verdicts) == wanted else None

    def _tell_silence(self) -> None:
        if monotonic() - self._told_s > _TELL_S:
            self._told_s = monotonic()
            self._log.warning("no dispatcher answers: requests go to their lanes in the order in which they come")
