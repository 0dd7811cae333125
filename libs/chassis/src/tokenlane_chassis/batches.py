"""Reading a stream that need not fit into memory: batches of direct reads, which leave nothing behind on the broker.

Any replica answers, one that is behind too. Where the answers break off, the rest of the batch is asked for again.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from tokenlane_chassis.bus import Message
from tokenlane_chassis.errors import BusUnavailableError

_BATCH = 512
_ANSWER_S = 2.5
_GIVE_UP_S = 10.0
_RETRY_S = 0.25
_SUBJECT = "Nats-Subject"
_SEQUENCE = "Nats-Sequence"
_PENDING = "Nats-Num-Pending"
_STATUS = "Status"
_END_OF_BATCH = "204"
_NOT_FOUND = "404"
_UNAVAILABLE = "503"
_EMPTY: Mapping[str, str] = {}


async def read_batches(client: Client, stream: str, subject: str, since_unix_ms: int) -> AsyncGenerator[Message, None]:
    """See `Bus.read`. Raises BusUnavailableError."""
    start: dict[str, object] = {"start_time": _rfc3339(since_unix_ms)}
    while True:
        found = await _persistently(client, stream, {"next_by_subj": subject, "batch": _BATCH, **start})
        for fields, data in found:
            yield Message(fields[_SUBJECT], data, fields, seq=int(fields[_SEQUENCE]))
        if not found or found[-1][0].get(_PENDING) == "0":
            return
        start = {"seq": int(found[-1][0][_SEQUENCE]) + 1}


_Answers = list[tuple[Mapping[str, str], bytes]]


async def _persistently(client: Client, stream: str, which: Mapping[str, object]) -> _Answers:
    give_up_at = asyncio.get_running_loop().time() + _GIVE_UP_S
    while True:
        try:
            return await _batch(client, stream, which)
        except NatsError as error:
            if asyncio.get_running_loop().time() > give_up_at:
                raise BusUnavailableError(f"cannot read {stream}: {error}") from None
            await asyncio.sleep(_RETRY_S)


async def _batch(client: Client, stream: str, which: Mapping[str, object]) -> _Answers:
    """Empty: there is nothing (more)."""
    found: _Answers = []
    answers = await client.subscribe(client.new_inbox(), pending_msgs_limit=0, pending_bytes_limit=0)
    try:
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(which).encode(), answers.subject)
        while True:
            message = await answers.next_msg(_ANSWER_S)
            fields = message.headers or _EMPTY
            status = fields.get(_STATUS)
            if status is None:
                found.append((fields, message.data))
            elif status in (_END_OF_BATCH, _NOT_FOUND):
                return found
            elif status == _UNAVAILABLE:
                raise NoRespondersError
            else:
                raise BusUnavailableError(f"cannot read {stream}: {fields.get('Description', status)}")
    except NatsError:
        # What came before the answers broke off is as good as a smaller batch.
        if found:
            return found
        raise
    finally:
        await answers.unsubscribe()


def _rfc3339(unix_ms: int) -> str:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).isoformat(timespec="milliseconds")
