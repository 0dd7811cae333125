"""An admitted request as the bus carries it. Pure."""

from typing import NamedTuple

from tokenlane.v1.request_pb2 import BodyRef, Endpoint, Facts, Request
from tokenlane_ingress.accept import Position, Wishes


class Admitted(NamedTuple):
    """A request that passed every check of the door. `request_id`: from its idempotency key, or the client's own id.
    `after`: what the client of a keyed request has of its answer already."""

    tenant: str
    endpoint: Endpoint
    body: bytes
    facts: Facts
    wishes: Wishes
    request_id: str | None
    key: str = ""
    body_sha256: bytes = b""
    after: Position | None = None


def message_id(admitted: Admitted, request_id: str) -> str:
    """What the stream tells copies of a request by. Another body under the same key is another message."""
    if not admitted.key:
        return f"{admitted.tenant}.{request_id}"
    return f"{admitted.tenant}.{request_id}.{admitted.body_sha256.hex()[:16]}"


def encode(admitted: Admitted, request_id: str, inbox: str, now_ms: int, body_ref: BodyRef | None = None) -> bytes:
    """The encoded `Request`. `now_ms` in milliseconds since the Unix epoch; `body_ref` in the place of the body."""
    request = Request(
        request_id=request_id,
        endpoint=admitted.endpoint,
        reply_inbox=inbox,
        deadline_unix_ms=now_ms + admitted.wishes.timeout_ms,
        accepted_unix_ms=now_ms,
        facts=admitted.facts,
        body=admitted.body if body_ref is None else b"",
        priority=admitted.wishes.priority,
        ttft_limit_ms=admitted.wishes.ttft_limit_ms,
    )
    if admitted.key:
        request.idempotency_key = admitted.key
        request.body_sha256 = admitted.body_sha256
    if body_ref is not None:
        request.body_ref.CopyFrom(body_ref)
    return request.SerializeToString()
