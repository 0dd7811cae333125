"""A request as the bus carries it. Pure."""

import hashlib
from typing import NamedTuple

from tokenlane.v1.request_pb2 import BodyRef, Priority, Request
from tokenlane_client.errors import RequestFailed
from tokenlane_client.failure import INVALID_REQUEST, Failure
from tokenlane_proto import subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.openai_body import read_facts
from tokenlane_proto.topology import ENVELOPE_OVERHEAD_BYTES
from tokenlane_proto.wishes import LONGEST_TTFT_MS, PRIORITIES, PRIORITY_NAMES

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


class Terms(NamedTuple):
    """How a request is to be treated: when it must have ended, who goes first, when its answer is to begin. Unit:
    seconds. None: as its tenant has it."""

    timeout_s: float | None = None
    priority: str | None = None
    ttft_s: float | None = None


def seal(body: bytes, key: str, terms: Terms, now_ms: int) -> Envelope:
    """The envelope of a body with its idempotency key. Raises RequestFailed if it is no OpenAI request, or the key or
    the terms are wrong."""
    try:
        endpoint, facts = read_facts(body)
    except MalformedMessageError as error:
        raise _wrong(str(error), error.param) from None
    if not (0 < len(key) <= 255 and key.isprintable()):
        raise _wrong("an idempotency key has 1 to 255 printable characters")
    if terms.priority is not None and terms.priority not in PRIORITIES:
        raise _wrong(f"priority must be {PRIORITY_NAMES}, got {terms.priority!r}", "priority")
    if terms.ttft_s is not None and not 0 < terms.ttft_s * 1000 <= LONGEST_TTFT_MS:
        raise _wrong(f"ttft_s must be more than 0 and at most {LONGEST_TTFT_MS // 1000}, got {terms.ttft_s}", "ttft_s")
    request = Request(
        request_id=subjects.keyed_id(key),
        endpoint=endpoint,
        deadline_unix_ms=0 if terms.timeout_s is None else now_ms + int(terms.timeout_s * 1000),
        accepted_unix_ms=now_ms,
        facts=facts,
        idempotency_key=key,
        body_sha256=hashlib.sha256(body).digest(),
        priority=PRIORITIES.get(terms.priority or "", Priority.PRIORITY_UNSPECIFIED),
        ttft_limit_ms=0 if terms.ttft_s is None else max(1, round(terms.ttft_s * 1000)),
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


def _wrong(message: str, param: str | None = None) -> RequestFailed:
    return RequestFailed(Failure(400, message, INVALID_REQUEST, None, param))


def _encode(request: Request, rest: Request) -> bytes:
    # Protobuf merges concatenated messages.
    return request.SerializeToString() + rest.SerializeToString()
