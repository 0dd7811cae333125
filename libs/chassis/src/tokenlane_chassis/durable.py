"""Publishing to a stream: the acknowledgements of many messages in flight come back on one inbox.

nats-py's own `publish_async` costs more than twice the CPU a message (`python -m bench.publish`) and does not send
again after a reconnect. Here, what was in flight when the connection broke is sent again, if it carries a message id
by which the stream knows it.
"""

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg

from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError, StreamFullError
from tokenlane_proto.headers import MSG_ID

_TIMEOUT_S = 5.0
_SWEEP_S = 0.5
_NO_RESPONDERS = "503"
_STREAM_FULL = 10077
_MESSAGE_SIZE = 10054


class _Error(msgspec.Struct):
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct):
    seq: int = 0
    error: _Error | None = None


_decoder: msgspec.json.Decoder[_PubAck] = msgspec.json.Decoder(_PubAck)


@dataclass(slots=True, eq=False)
class _Waiting:
    subject: str
    payload: bytes
    headers: dict[str, str] | None
    done: asyncio.Future[int]
    give_up_at: float


class DurablePublisher:
    """Publishes and waits for the stream's acknowledgement."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count()
        # In the order of their deadlines.
        self._waiting: dict[str, _Waiting] = {}
        self._inbox = client.new_inbox()
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen for acknowledgements."""
        await self._client.subscribe(
            f"{self._inbox}.*", cb=self._acknowledged, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self._sweeper = asyncio.create_task(self._sweep(), name="pubacks")

    def stop(self) -> None:
        """Give up on what is in flight."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for waiting in self._waiting.values():
            if not waiting.done.done():
                waiting.done.set_exception(BusUnavailableError("the bus was closed"))

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None) -> int:
        """Return the stored message's sequence. Raises as `Bus.publish_durable` says."""
        reply = f"{self._inbox}.{next(self._numbers)}"
        fields = dict(headers) if headers else None
        waiting = _Waiting(subject, payload, fields, self._loop.create_future(), self._loop.time() + _TIMEOUT_S)
        self._waiting[reply] = waiting
        try:
            await self._client.publish(subject, payload, reply, fields)
            return await waiting.done
        finally:
            del self._waiting[reply]

    async def resend(self) -> None:
        """After a reconnect: send again what may have been lost and cannot be doubled."""
        for reply, waiting in list(self._waiting.items()):
            if waiting.headers and MSG_ID in waiting.headers and not waiting.done.done():
                await self._client.publish(waiting.subject, waiting.payload, reply, waiting.headers)

    async def _acknowledged(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject)
        if waiting is None or waiting.done.done():
            return
        if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            waiting.done.set_exception(BusUnavailableError(f"no stream takes {waiting.subject}"))
            return
        answer = _decoder.decode(message.data)
        if answer.error is None:
            waiting.done.set_result(answer.seq)
        else:
            waiting.done.set_exception(_refusal(waiting.subject, answer.error))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = self._loop.time()
            for waiting in self._waiting.values():
                if waiting.give_up_at > now:
                    break
                if not waiting.done.done():
                    waiting.done.set_exception(BusUnavailableError(f"no acknowledgement within {_TIMEOUT_S:g} s"))


def _refusal(subject: str, error: _Error) -> Exception:
    if error.err_code == _STREAM_FULL:
        return StreamFullError(f"the stream of {subject} is full")
    if error.err_code == _MESSAGE_SIZE:
        return MessageTooLargeError(error.description)
    return BusUnavailableError(error.description or f"error {error.err_code}")
