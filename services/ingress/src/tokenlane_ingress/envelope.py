"""An admitted request as the bus carries it. Pure."""

from typing import NamedTuple

from tokenlane.v1.request_pb2 import Endpoint, Facts, Request


class Admitted(NamedTuple):
    """A request that passed every check of the door. `client_id`: the client's own id for it."""

    tenant: str
    endpoint: Endpoint
    body: bytes
    facts: Facts
    timeout_ms: int
    client_id: str | None


def encode(admitted: Admitted, request_id: str, inbox: str, now_ms: int) -> bytes:
    """The encoded `Request`. `now_ms` in milliseconds since the Unix epoch."""
    return Request(
        request_id=request_id,
        endpoint=admitted.endpoint,
        reply_inbox=inbox,
        deadline_unix_ms=now_ms + admitted.timeout_ms,
        accepted_unix_ms=now_ms,
        facts=admitted.facts,
        body=admitted.body,
    ).SerializeToString()
