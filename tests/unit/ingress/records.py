"""What the classifier would write."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane_chassis import clock
from tokenlane_chassis.bus import Bus
from tokenlane_proto.subjects import keyed_id
from tokenlane_proto.topology import KEY_BUCKET, key_record

KEY = "order-77"
KEYED_ID = keyed_id(KEY)


async def record_key(bus: Bus, body: Mapping[str, Any], seq: int = 1, accepted_unix_ms: int | None = None) -> None:
    """The classifier saw the key first with this body, in the message `seq`; now, if not said otherwise."""
    record = KeyRecord(
        body_sha256=sha256(json.dumps(body).encode()).digest(),
        requests_seq=seq,
        accepted_unix_ms=clock.unix_ms() if accepted_unix_ms is None else accepted_unix_ms,
    )
    await bus.put(KEY_BUCKET, key_record("acme", KEYED_ID), record.SerializeToString())
