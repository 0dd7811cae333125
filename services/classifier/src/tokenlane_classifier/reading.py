"""A delivery to a request: the envelope, or a bare OpenAI body that gets one, with what neither of them says."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError

from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis.bus import Delivery
from tokenlane_proto import codec, headers, subjects
from tokenlane_proto.errors import MalformedMessageError


class Reading(NamedTuple):
    """A request, and the bytes that encode it."""

    request: Request
    encoded: bytes


def read(delivery: Delivery, tenant: str, now_unix_ms: int) -> Reading:
    """The request in a delivery. Raises MalformedMessageError."""
    data = delivery.data
    if codec.is_bare(data):
        request = codec.wrap_bare(data, delivery.headers, own_id(delivery.stream_seq), now_unix_ms)
        return Reading(request, request.SerializeToString())
    request = codec.decode_request(data)
    if request.HasField("body_ref") and not is_own_object(request.body_ref.object, tenant, request.request_id):
        raise MalformedMessageError("body_ref.object must be <tenant>.<request id>.<anything>")
    return Reading(request, data)


def with_defaults(reading: Reading, timeout_ms: int, now_unix_ms: int) -> Reading:
    """The reading with what its publisher left out: when it was accepted, and the tenant's own deadline (`timeout_ms`
    after that; 0: none). Appended to the encoded request, like the classification."""
    request = reading.request
    accepted, needs_deadline = request.accepted_unix_ms, bool(timeout_ms and not request.deadline_unix_ms)
    if accepted and not needs_deadline:
        return reading
    missing = Request()
    if not accepted:
        missing.accepted_unix_ms = now_unix_ms
    if needs_deadline:
        missing.deadline_unix_ms = (accepted or now_unix_ms) + timeout_ms
    request.MergeFrom(missing)
    return Reading(request, reading.encoded + missing.SerializeToString())


def own_id(stream_seq: int) -> str:
    """The id of a request that names none."""
    return f"seq-{stream_seq}"


def is_own_object(name: str, tenant: str, request_id: str) -> bool:
    """Whether an object holds the body of this tenant's request: a name could be anybody's."""
    nonce = name.removeprefix(f"{tenant}.{request_id}.")
    return nonce != name and subjects.is_token(nonce)


def salvage(data: bytes, fields: Mapping[str, str], stream_seq: int) -> Request:
    """What can be known of a message that cannot be read: by which id and key, to which inbox and how its error goes
    out."""
    envelope = None if codec.is_bare(data) else _envelope(data)
    if envelope is None:
        key = fields.get(headers.IDEMPOTENCY_KEY, "")
        request_id = subjects.keyed_id(key) if key else fields.get(headers.REQUEST_ID, "")
        inbox, reply_format = fields.get(headers.REPLY_INBOX, ""), ReplyFormat.REPLY_FORMAT_PLAIN
    else:
        key, request_id = envelope.idempotency_key, envelope.request_id
        inbox, reply_format = envelope.reply_inbox, envelope.reply_format
    is_keyed = bool(key) and request_id == subjects.keyed_id(key)
    return Request(
        request_id=request_id if subjects.is_token(request_id) else own_id(stream_seq),
        reply_inbox=inbox if subjects.is_inbox(inbox) else "",
        reply_format=reply_format,
        idempotency_key=key if is_keyed else "",
        body_sha256=hashlib.sha256(data if envelope is None else envelope.body).digest() if is_keyed else b"",
        body_ref=envelope.body_ref if envelope is not None and envelope.HasField("body_ref") else None,
    )


def _envelope(data: bytes) -> Request | None:
    try:
        return Request.FromString(data)
    except DecodeError:
        return None
