"""Coming again under an idempotency key that a refusal left free."""

import secrets

from tokenlane_chassis.bus import Bus, Stored
from tokenlane_chassis.errors import BusError
from tokenlane_proto.codec import decode_key_record
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.topology import KEY_BUCKET, key_record


async def was_refused(bus: Bus, tenant: str, request_id: str, copy: Stored) -> bool:
    """Whether the keyed request that `copy` is one of was refused, to come again. The stream of requests remembers its
    message id, so it takes the request under another one only (`another_id`). Where the bus does not tell: False."""
    return copy.duplicate and await refusal_seq(bus, tenant, request_id) > 0


async def refusal_seq(bus: Bus, tenant: str, request_id: str) -> int:
    """The refusal that the key's last request ended in, by its sequence in the stream of results. 0: there is none, or
    the bus does not tell."""
    try:
        stored = await bus.get(KEY_BUCKET, key_record(tenant, request_id))
        return 0 if stored is None else decode_key_record(stored).refusal_seq
    except (BusError, MalformedMessageError):
        return 0


def another_id(message_id: str) -> str:
    """A message id that was not used before."""
    return f"{message_id}.{secrets.token_hex(4)}"
