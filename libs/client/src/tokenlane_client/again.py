"""Coming again under an idempotency key that a refusal left free."""

import secrets

from tokenlane_chassis.bus import Bus, Stored
from tokenlane_chassis.errors import BusError
from tokenlane_proto.topology import KEY_BUCKET, REQUESTS, key_record


async def was_refused(bus: Bus, tenant: str, request_id: str, copy: Stored) -> bool:
    """Whether the keyed request that `copy` is one of was refused, to come again. The stream of requests remembers its
    message id, so it takes the request under another one only (`another_id`). Where the bus does not tell: False."""
    if not copy.duplicate:
        return False
    try:
        # The classifier makes the record before it acknowledges, and takes it back before it acknowledges a refusal.
        if await bus.stored_at(REQUESTS, copy.seq) is not None:
            return False
        return await bus.get(KEY_BUCKET, key_record(tenant, request_id)) is None
    except BusError:
        return False


def another_id(message_id: str) -> str:
    """A message id that was not used before."""
    return f"{message_id}.{secrets.token_hex(4)}"
