"""A request as the bus carries it. Pure."""

import hashlib
from typing import NamedTuple

from tokenlane.v1.request_pb2 import BodyRef, Request
from tokenlane_client.errors import RequestFailed
from tokenlane_client.failure import INVALID_REQUEST, Failure
from tokenlane_proto import subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.openai_body import read_facts
from tokenlane_proto.topology import ENVELOPE_OVERHEAD_BYTES

# Of a body in the object store: what its kind of text is told by. Unit: bytes.
SAMPLE_BYTES = 4096


class Envelope(NamedTuple):
    """A request that is ready to go, without its body."""

    request: Request
    body: bytes

    @property
    def message_id(self) -> str:
        """What the stream knows the request by, after `<tenant>.`."""
        return f"{self.request.request_id}.{self.request.body_sha256.hex()[:16]}"


def seal(body: bytes, key: str, timeout_s: float | None, now_ms: int) -> Envelope:
    """The envelope of a body with its idempotency key. Raises RequestFailed if it is no OpenAI request."""
    try:
        endpoint, facts = read_facts(body)
    except MalformedMessageError as error:
        raise RequestFailed(Failure(400, str(error), INVALID_REQUEST, None, error.param)) from None
    if not (0 < len(key) <= 255 and key.isprintable()):
        raise RequestFailed(Failure(400, "an idempotency key has 1 to 255 printable characters", INVALID_REQUEST))
    request = Request(
        request_id=subjects.keyed_id(key),
        endpoint=endpoint,
        deadline_unix_ms=0 if timeout_s is None else now_ms + int(timeout_s * 1000),
        accepted_unix_ms=now_ms,
        facts=facts,
        idempotency_key=key,
        body_sha256=hashlib.sha256(body).digest(),
    )
    return Envelope(request, body)


def fits(body: bytes, max_payload: int) -> bool:
    """Whether a body travels in a message of at most `max_payload` bytes."""
    return len(body) <= max_payload - ENVELOPE_OVERHEAD_BYTES


def with_body(envelope: Envelope, inbox: str) -> bytes:
    """The encoded request with its body in it."""
    return _encode(envelope.request, Request(reply_inbox=inbox, body=envelope.body))


def with_object(envelope: Envelope, inbox: str, name: str) -> bytes:
    """The encoded request whose body is the object `name`."""
    body = envelope.body
    reference = BodyRef(object=name, size=len(body), sample=body[:SAMPLE_BYTES])
    return _encode(envelope.request, Request(reply_inbox=inbox, body_ref=reference))


def _encode(request: Request, rest: Request) -> bytes:
    # Protobuf merges concatenated messages.
    return request.SerializeToString() + rest.SerializeToString()
