"""Dead letters on the bus."""

from collections.abc import Sequence
from typing import NamedTuple

from tokenlane.v1.recovery_pb2 import DeadLetter
from tokenlane_chassis.bus import Bus
from tokenlane_cli.dlq.again import again, message_id
from tokenlane_cli.errors import UsageError
from tokenlane_proto import codec, headers, subjects, topology
from tokenlane_proto.errors import MalformedMessageError

ANY = "*"
_COMPLETED = "completed"


class Key(NamedTuple):
    """Names a request on the whole bus."""

    tenant: str
    request_id: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.request_id}"


async def all_keys(bus: Bus, tenant: str = ANY) -> list[Key]:
    """The requests that have a dead letter. Raises BusError."""
    return await _keys(bus, tenant, ANY)


async def named(bus: Bus, names: Sequence[str], tenant: str = ANY) -> list[Key]:
    """The requests of these names, `<request id>` or `<tenant>/<request id>`, each once, in their order. Raises
    UsageError where one has no dead letter or where it is not clear whose it is, BusError."""
    found = [await _named(bus, name, tenant) for name in names]
    return list(dict.fromkeys(found))


async def read(bus: Bus, key: Key) -> DeadLetter | None:
    """The dead letter, or None if it is not there any more. One that cannot be read says so. Raises BusError."""
    message = await bus.last(topology.DEAD, subjects.dead(*key))
    if message is None:
        return None
    try:
        return codec.decode_dead_letter(message.data)
    except MalformedMessageError:
        return DeadLetter(tenant=key.tenant, reason="this dead letter cannot be read")


async def replay(bus: Bus, key: Key, now_unix_ms: int) -> None:
    """Publish the request again, under the same id. What was kept of it goes first: its result and its key would
    otherwise answer for it. Done twice, it is one request. Raises UsageError, BusError."""
    letter = await read(bus, key)
    if letter is None:
        raise UsageError("it is not there any more")
    if not letter.HasField("request"):
        raise UsageError("it holds no request that could be read")
    result = await bus.last(topology.RESULTS, subjects.result(*key))
    if result is not None and result.headers.get(headers.OUTCOME) == _COMPLETED:
        raise UsageError("it was answered after all: drop the letter")
    held = letter.request.body_ref.object
    if held and await bus.get_object(topology.BODY_STORE, held) is None:
        raise UsageError("its body is not stored any more")
    await bus.delete(topology.KEY_BUCKET, topology.key_record(*key))
    await bus.purge(topology.PROGRESS, subjects.progress(*key))
    await bus.purge(topology.RESULTS, subjects.result(*key))
    encoded = again(letter.request, now_unix_ms).SerializeToString()
    fields = {headers.MSG_ID: message_id(key.tenant, letter)}
    await bus.publish_durable(subjects.requests(key.tenant), encoded, fields)
    # It may have died again by now.
    if await read(bus, key) == letter:
        await bus.purge(topology.DEAD, subjects.dead(*key))


async def drop(bus: Bus, key: Key) -> None:
    """Delete the dead letter, and the body if that is stored elsewhere. The request's result stays. Raises UsageError,
    BusError."""
    letter = await read(bus, key)
    if letter is None:
        raise UsageError("it is not there any more")
    await bus.purge(topology.DEAD, subjects.dead(*key))
    if letter.request.body_ref.object:
        await bus.delete_object(topology.BODY_STORE, letter.request.body_ref.object)


async def _named(bus: Bus, name: str, tenant: str) -> Key:
    owner, _, request_id = name.rpartition("/")
    if not subjects.is_token(request_id) or (owner and not subjects.is_token(owner)):
        raise UsageError(f"{name!r} is not the name of a request")
    found = [] if owner and tenant not in (ANY, owner) else await _keys(bus, owner or tenant, request_id)
    if not found:
        raise UsageError(f"no dead letter {name}" if owner or tenant == ANY else f"no dead letter {tenant}/{name}")
    if len(found) > 1:
        raise UsageError(f"{name} may be {' or '.join(map(str, found))}: say which")
    return found[0]


async def _keys(bus: Bus, tenant: str, request_id: str) -> list[Key]:
    return sorted(
        _key(subject) for subject in await bus.subject_counts(topology.DEAD, subjects.dead(tenant, request_id))
    )


def _key(subject: str) -> Key:
    _, tenant, request_id = subject.split(".")
    return Key(tenant, request_id)
