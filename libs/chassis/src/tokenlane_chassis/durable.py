"""Publishing to a stream: the acknowledgements of many messages in flight come back on one inbox.

nats-py's own `publish_async` costs more than twice the CPU a message (`python -m bench.publish`) and does not send
again. Here, what the stream can tell apart by a message id is sent again until it is acknowledged.
"""

import asyncio
import itertools
from collections.abc import Mapping

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from tokenlane_chassis.bus import Stored
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError, StreamFullError
from tokenlane_proto.headers import MSG_ID

_GIVE_UP_S = 10.0
_RESEND_S = 1.0
# After an answer that says "not now": no stream leader, or another copy is on its way through the cluster.
_RETRY_S = 0.25
_NO_RESPONDERS = "503"
_STREAM_FULL = 10077
_MESSAGE_SIZE = 10054
_WRONG_LAST_SEQUENCE = 10071
# No leader; this message id is on its way; not caught up; this subject is on its way, perhaps in vain; too busy.
_NOT_NOW = (10008, 10158, 10163, 10164, 10167)
# The stream takes the message only if its subject's last one has this sequence.
_EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"


class _TakenError(Exception):
    """The subject has another message."""


class _Error(msgspec.Struct, gc=False):
    err_code: int = 0
    description: str = ""


class _PubAck(msgspec.Struct, gc=False):
    seq: int = 0
    duplicate: bool = False
    error: _Error | None = None


_decoder: msgspec.json.Decoder[_PubAck] = msgspec.json.Decoder(_PubAck)


class _Waiting(msgspec.Struct, eq=False):
    """A message in flight. Times in seconds, on the loop's clock."""

    subject: str
    payload: bytes
    headers: dict[str, str] | None
    done: asyncio.Future[Stored]
    since: float
    send_at: float
    complaint: str = "no acknowledgement"

    @property
    def repeatable(self) -> bool:
        return self.headers is not None and MSG_ID in self.headers


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
            _fail(waiting, BusUnavailableError("the bus was closed"))

    async def publish(self, subject: str, payload: bytes, headers: Mapping[str, str] | None) -> Stored:
        """Return the stream's acknowledgement. Raises as `Bus.publish_durable` says."""
        reply = f"{self._inbox}.{next(self._numbers)}"
        fields = dict(headers) if headers else None
        now = self._loop.time()
        waiting = _Waiting(subject, payload, fields, self._loop.create_future(), now, now + _RESEND_S)
        self._waiting[reply] = waiting
        try:
            await self._client.publish(subject, payload, reply, fields)
            return await waiting.done
        finally:
            del self._waiting[reply]

    async def publish_once(
        self, subject: str, payload: bytes, headers: Mapping[str, str] | None, after_seq: int = 0
    ) -> bool:
        """Return whether the stream took it: only if the subject's last message is the one of `after_seq`; 0 is none.
        Raises as `Bus.publish_durable` says."""
        try:
            await self.put(subject, payload, {**(headers or {}), _EXPECTED_LAST: str(after_seq)})
        except _TakenError:
            return False
        return True

    async def put(self, subject: str, payload: bytes, headers: Mapping[str, str] | None = None) -> None:
        """`publish` under an id of its own: sent again until it is acknowledged, and its copies are told from others'
        messages."""
        await self.publish(subject, payload, {**(headers or {}), MSG_ID: f"{self._inbox}.{next(self._numbers)}"})

    async def resend(self) -> None:
        """After a reconnect: send again what may have been lost and cannot be doubled."""
        now = self._loop.time()
        for reply, waiting in list(self._waiting.items()):
            await self._send_again(reply, waiting, now)

    async def _acknowledged(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject)
        if waiting is None or waiting.done.done():
            return
        if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            self._not_now(waiting, f"no stream takes {waiting.subject}")
            return
        answer = _decoder.decode(message.data)
        if answer.error is None:
            waiting.done.set_result(Stored(answer.seq, answer.duplicate))
        elif answer.error.err_code == _WRONG_LAST_SEQUENCE:
            _fail(waiting, _TakenError())
        elif answer.error.err_code in _NOT_NOW:
            self._not_now(waiting, answer.error.description)
        else:
            _fail(waiting, _refusal(waiting.subject, answer.error))

    def _not_now(self, waiting: _Waiting, reason: str) -> None:
        if waiting.repeatable:
            waiting.complaint = reason
            waiting.send_at = self._loop.time() + _RETRY_S
        else:
            _fail(waiting, BusUnavailableError(reason))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_RETRY_S)
            now = self._loop.time()
            for reply, waiting in list(self._waiting.items()):
                if waiting.since > now - _RETRY_S:
                    break
                if waiting.since <= now - _GIVE_UP_S:
                    _fail(waiting, BusUnavailableError(f"{waiting.complaint} within {_GIVE_UP_S:g} s"))
                elif waiting.send_at <= now and self._client.is_connected:
                    await self._send_again(reply, waiting, now)

    async def _send_again(self, reply: str, waiting: _Waiting, now: float) -> None:
        if not waiting.repeatable or waiting.done.done():
            return
        waiting.send_at = now + _RESEND_S
        try:
            await self._client.publish(waiting.subject, waiting.payload, reply, waiting.headers)
        except NatsError as error:
            _fail(waiting, BusUnavailableError(str(error)))


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)


def _refusal(subject: str, error: _Error) -> Exception:
    if error.err_code == _STREAM_FULL:
        return StreamFullError(f"the stream of {subject} is full")
    if error.err_code == _MESSAGE_SIZE:
        return MessageTooLargeError(error.description)
    return BusUnavailableError(error.description or f"error {error.err_code}")
