"""Reading and pruning streams, through pauses of the broker.

Asked of the stream's leader: nats-py's direct reads may be answered by a replica that is behind, or not at all by one
that is paused. What finds no leader or no answer is asked again for a while.
"""

import asyncio
import json
from collections.abc import Mapping

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError, ServiceUnavailableError

from tokenlane_chassis.bus import ConsumerCounts, Message
from tokenlane_chassis.errors import BusUnavailableError
from tokenlane_proto.topology import ConsumerSpec

_GIVE_UP_S = 10.0
_ANSWER_S = 2.5
_RETRY_S = 0.25
_NO_MESSAGE = (10037, 10043, 10057)
_UNAVAILABLE = 503
_PENDING_MESSAGES = "Nats-Num-Pending"
_SEQUENCE = "Nats-Sequence"
_EMPTY: Mapping[str, str] = {}


class _Error(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Raw(msgspec.Struct):
    """A stored message; msgspec takes the base64 off its bytes."""

    subject: str
    seq: int
    data: bytes = b""
    hdrs: bytes = b""


class _Answer(msgspec.Struct):
    error: _Error | None = None
    message: _Raw | None = None


_decoder: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_Answer)


class Streams:
    """See the methods of `Bus` with the same names. All raise BusUnavailableError.

    `by_subject`: the latest message of a subject is read from any replica, by a request whose own subject names it, so
    that the broker can tell one tenant's from another's. A replica may be behind for a moment."""

    def __init__(self, client: Client, jetstream: JetStreamContext, by_subject: bool) -> None:
        self._client = client
        self._jetstream = jetstream
        self._by_subject = by_subject

    async def last(self, stream: str, subject: str) -> Message | None:
        found = await self.latest(stream, subject)
        return found and found[1]

    async def latest(self, stream: str, subject: str) -> tuple[int, Message] | None:
        """The latest stored message of a subject, and its sequence."""
        if self._by_subject:
            answer = await self._ask(f"DIRECT.GET.{stream}.{subject}", None)
            fields = answer.headers or _EMPTY
            return (
                (int(fields[_SEQUENCE]), Message(subject, answer.data, fields, seq=int(fields[_SEQUENCE])))
                if _SEQUENCE in fields
                else None
            )
        raw = await self._stored(stream, {"last_by_subj": subject})
        return None if raw is None else (raw.seq, _message(raw))

    async def stored_at(self, stream: str, seq: int) -> Message | None:
        raw = await self._stored(stream, {"seq": seq})
        return None if raw is None else _message(raw)

    async def messages(self, stream: str, subject: str) -> list[Message]:
        found: list[Message] = []
        seq = 1
        while (raw := await self._stored(stream, {"seq": seq, "next_by_subj": subject})) is not None:
            found.append(_message(raw))
            seq = raw.seq + 1
        return found

    async def purge(self, stream: str, subject: str) -> None:
        await self._call(f"STREAM.PURGE.{stream}", {"filter": subject})

    async def delete_message(self, stream: str, seq: int) -> bool:
        answer = await self._call(f"STREAM.MSG.DELETE.{stream}", {"seq": seq, "no_erase": True}, _NO_MESSAGE)
        return answer.error is None

    async def count_before(self, stream: str, subject_filter: str, seq: int) -> int:
        """The broker counts what follows a message (in a header of a batched read), and all there are."""
        behind = await self._count_from(stream, subject_filter, seq)
        return max(0, sum((await self.subject_counts(stream, subject_filter)).values()) - behind)

    async def subject_counts(self, stream: str, subject_filter: str) -> dict[str, int]:
        try:
            return (await self._jetstream.stream_info(stream, subjects_filter=subject_filter)).state.subjects or {}
        except NatsError as error:
            raise BusUnavailableError(f"cannot count {subject_filter}: {error}") from None

    async def consumer_counts(self, consumer: ConsumerSpec) -> ConsumerCounts:
        try:
            info = await self._jetstream.consumer_info(consumer.stream, consumer.name)
        except NotFoundError:
            return ConsumerCounts(0, 0)
        except NatsError as error:
            raise BusUnavailableError(f"cannot read consumer {consumer.name}: {error}") from None
        return ConsumerCounts(info.num_pending or 0, info.num_ack_pending or 0)

    async def _stored(self, stream: str, which: Mapping[str, object]) -> _Raw | None:
        return (await self._call(f"STREAM.MSG.GET.{stream}", which, _NO_MESSAGE)).message

    async def _count_from(self, stream: str, subject_filter: str, seq: int) -> int:
        which = {"seq": seq, "next_by_subj": subject_filter, "batch": 1}
        answer = await self._ask(f"DIRECT.GET.{stream}", which)
        fields = answer.headers or _EMPTY
        return int(fields[_PENDING_MESSAGES]) + 1 if _SEQUENCE in fields else 0

    async def _call(self, name: str, request: Mapping[str, object], expected: tuple[int, ...] = ()) -> _Answer:
        """Errors with one of the `expected` codes are left to the caller."""
        give_up_at = asyncio.get_running_loop().time() + _GIVE_UP_S
        while True:
            answer = _decoder.decode((await self._ask(name, request)).data)
            if answer.error is None or answer.error.err_code in expected:
                return answer
            if answer.error.code != _UNAVAILABLE or asyncio.get_running_loop().time() > give_up_at:
                raise BusUnavailableError(f"{name}: {answer.error.description}")
            await asyncio.sleep(_RETRY_S)

    async def _ask(self, name: str, request: Mapping[str, object] | None) -> Msg:
        payload = b"" if request is None else json.dumps(request).encode()
        give_up_at = asyncio.get_running_loop().time() + _GIVE_UP_S
        while True:
            try:
                return await self._client.request(f"$JS.API.{name}", payload, timeout=_ANSWER_S)
            except (NoRespondersError, NatsTimeoutError, ServiceUnavailableError) as error:
                if asyncio.get_running_loop().time() > give_up_at:
                    raise BusUnavailableError(f"{name}: {error}") from None
                await asyncio.sleep(_RETRY_S)
            except NatsError as error:
                raise BusUnavailableError(f"{name}: {error}") from None


def _message(raw: _Raw) -> Message:
    fields = {}
    for line in raw.hdrs.decode().split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            fields[name] = value.strip()
    return Message(raw.subject, raw.data, fields, seq=raw.seq)
