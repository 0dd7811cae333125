"""What the classifier would write."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane_chassis.bus import Bus
from tokenlane_proto.subjects import keyed_id
from tokenlane_proto.topology import KEY_BUCKET, key_record

KEY = "order-77"
KEYED_ID = keyed_id(KEY)


async def record_key(bus: Bus, body: Mapping[str, Any], tenant: str = "acme", key: str = KEY) -> None:
    """The classifier saw the key first with this body."""
    record = KeyRecord(body_sha256=sha256(json.dumps(body).encode()).digest(), requests_seq=1)
    await bus.put(KEY_BUCKET, key_record(tenant, keyed_id(key)), record.SerializeToString())
