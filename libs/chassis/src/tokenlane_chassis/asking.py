"""Questions on core NATS, with as many answers as there are."""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nats.aio.client import Client
from nats.aio.msg import Msg

from tokenlane_chassis.bus import Message

_EMPTY: Mapping[str, str] = {}
_STATUS = "Status"


@dataclass(slots=True, eq=False)
class _Question:
    most: int
    answers: list[Message] = field(default_factory=list)
    settled: asyncio.Event = field(default_factory=asyncio.Event)


class Asker:
    """See `Bus.ask`. All answers come back on one inbox."""

    def __init__(self, client: Client, post: Callable[[str, bytes, str], None]) -> None:
        self._client = client
        self._post = post
        self._inbox = client.new_inbox()
        self._numbers = itertools.count()
        self._open: dict[str, _Question] = {}

    async def start(self) -> None:
        """Listen for answers."""
        await self._client.subscribe(f"{self._inbox}.*", cb=self._answered, pending_msgs_limit=0, pending_bytes_limit=0)

    async def ask(self, subject: str, payload: bytes, timeout_s: float, most: int) -> list[Message]:
        """The answers that came within `timeout_s`; none at once if nobody listens."""
        reply = f"{self._inbox}.{next(self._numbers)}"
        question = self._open[reply] = _Question(most)
        self._post(subject, payload, reply)
        try:
            async with asyncio.timeout(timeout_s):
                await question.settled.wait()
        except TimeoutError:
            pass
        finally:
            del self._open[reply]
        return question.answers

    async def _answered(self, message: Msg) -> None:
        question = self._open.get(message.subject)
        if question is None or question.settled.is_set():
            return
        fields = message.headers or _EMPTY
        if _STATUS not in fields:
            question.answers.append(Message(message.subject, message.data, fields, message.reply))
        if _STATUS in fields or len(question.answers) == question.most:
            question.settled.set()
