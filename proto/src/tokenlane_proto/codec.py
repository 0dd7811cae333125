"""Bytes of the bus to messages and back. Decoding raises MalformedMessageError and nothing else."""

import hashlib
from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from tokenlane.v1.lane_pb2 import Boundaries, DesiredReplicas, LaneProfile
from tokenlane.v1.line_pb2 import Ask, Held, Room, Verdicts
from tokenlane.v1.recovery_pb2 import (
    Attach,
    DeadLetter,
    KeyRecord,
    Progress,
    RequestStatus,
    Shown,
    Started,
    TenantPolicy,
)
from tokenlane.v1.reply_pb2 import Frame, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Endpoint, Priority, ReplyFormat, Request
from tokenlane_proto import headers, subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.openai_body import read_facts
from tokenlane_proto.wishes import LONGEST_TTFT_MS, PRIORITIES, PRIORITY_NAMES, parse_ttft_ms

M = TypeVar("M", bound=Message)

# White space that may stand before a bare body. Unit: bytes.
_LEADING = 256
_LONGEST_KEY = 255
_SHA256_BYTES = 32
_ENDPOINTS = (Endpoint.ENDPOINT_CHAT_COMPLETIONS, Endpoint.ENDPOINT_COMPLETIONS)


def decode_request(payload: bytes) -> Request:
    """A `Request` from its protobuf encoding."""
    request = _parse(Request(), payload)
    if not subjects.is_token(request.request_id):
        raise MalformedMessageError("request_id must be 1 to 64 characters of [A-Za-z0-9_-]")
    if request.reply_inbox and not subjects.is_inbox(request.reply_inbox):
        raise MalformedMessageError("reply_inbox must be one to four subject tokens of [A-Za-z0-9_-]")
    if request.endpoint not in _ENDPOINTS:
        raise MalformedMessageError(f"endpoint {request.endpoint} is unknown")
    if not request.facts.model:
        raise MalformedMessageError("facts.model is missing", "model")
    if request.idempotency_key:
        _check_key(request.idempotency_key)
        if request.request_id != subjects.keyed_id(request.idempotency_key):
            raise MalformedMessageError("request_id must follow from idempotency_key")
        if len(request.body_sha256) != _SHA256_BYTES:
            raise MalformedMessageError("body_sha256 must be the SHA-256 of the body")
    return request


def is_bare(payload: bytes) -> bool:
    """Whether `payload` is an OpenAI body by itself. No encoded `Request` begins with a brace."""
    return payload[:1] == b"{" or (payload[:_LEADING].lstrip()[:1] == b"{" and not _parses(payload))


def wrap_bare(payload: bytes, fields: Mapping[str, str], request_id: str, accepted_unix_ms: int) -> Request:
    """A `Request` around a bare OpenAI body. `request_id` serves where its NATS headers name none."""
    inbox = fields.get(headers.REPLY_INBOX, "")
    if inbox and not subjects.is_inbox(inbox):
        raise MalformedMessageError(f"{headers.REPLY_INBOX} must be one to four subject tokens of [A-Za-z0-9_-]")
    key = fields.get(headers.IDEMPOTENCY_KEY, "")
    if key:
        _check_key(key)
    own_id = subjects.keyed_id(key) if key else fields.get(headers.REQUEST_ID, request_id)
    if not subjects.is_token(own_id):
        raise MalformedMessageError(f"{headers.REQUEST_ID} must be 1 to 64 characters of [A-Za-z0-9_-]")
    deadline = fields.get(headers.DEADLINE_MS, "0")
    if not (deadline.isascii() and deadline.isdigit() and len(deadline) < 19):
        raise MalformedMessageError(f"{headers.DEADLINE_MS} must be milliseconds since the Unix epoch")
    endpoint, facts = read_facts(payload)
    return Request(
        request_id=own_id,
        endpoint=endpoint,
        reply_inbox=inbox,
        reply_format=ReplyFormat.REPLY_FORMAT_PLAIN,
        deadline_unix_ms=int(deadline),
        accepted_unix_ms=accepted_unix_ms,
        facts=facts,
        idempotency_key=key,
        body_sha256=hashlib.sha256(payload).digest() if key else b"",
        body=payload,
        priority=_priority(fields.get(headers.PRIORITY)),
        ttft_limit_ms=_ttft_ms(fields.get(headers.TTFT_MS)),
    )


def with_classification(encoded_request: bytes, classification: Classification) -> bytes:
    """The encoded request with its classification, without decoding it: protobuf merges concatenated messages."""
    return encoded_request + Request(classification=classification).SerializeToString()


def decode_attach(payload: bytes) -> Attach:
    """An `Attach`."""
    attach = _parse(Attach(), payload)
    if not (subjects.is_token(attach.request_id) and subjects.is_inbox(attach.inbox)):
        raise MalformedMessageError("attach needs a request_id and an inbox")
    return attach


def decode_started(payload: bytes) -> Started:
    """A `Started`."""
    return _parse(Started(), payload)


def decode_shown(payload: bytes) -> Shown:
    """A `Shown`."""
    return _parse(Shown(), payload)


def decode_progress(payload: bytes) -> Progress:
    """A `Progress`."""
    return _parse(Progress(), payload)


def decode_dead_letter(payload: bytes) -> DeadLetter:
    """A `DeadLetter`."""
    return _parse(DeadLetter(), payload)


def decode_status(payload: bytes) -> RequestStatus:
    """A `RequestStatus`."""
    return _parse(RequestStatus(), payload)


def decode_key_record(payload: bytes) -> KeyRecord:
    """A `KeyRecord`."""
    return _parse(KeyRecord(), payload)


def decode_tenant_policy(payload: bytes) -> TenantPolicy:
    """A `TenantPolicy`."""
    return _parse(TenantPolicy(), payload)


def decode_frame(payload: bytes) -> Frame:
    """A `Frame`."""
    return _parse(Frame(), payload)


def decode_usage(payload: bytes) -> UsageEvent:
    """A `UsageEvent`."""
    return _parse(UsageEvent(), payload)


def decode_lane_profile(payload: bytes) -> LaneProfile:
    """A `LaneProfile`."""
    return _parse(LaneProfile(), payload)


def decode_boundaries(payload: bytes) -> Boundaries:
    """A `Boundaries`."""
    return _parse(Boundaries(), payload)


def decode_desired_replicas(payload: bytes) -> DesiredReplicas:
    """A `DesiredReplicas`."""
    return _parse(DesiredReplicas(), payload)


def decode_ask(payload: bytes) -> Ask:
    """An `Ask`."""
    return _parse(Ask(), payload)


def decode_verdicts(payload: bytes) -> Verdicts:
    """`Verdicts`."""
    return _parse(Verdicts(), payload)


def decode_held(payload: bytes) -> Held:
    """A `Held`."""
    return _parse(Held(), payload)


def decode_room(payload: bytes) -> Room:
    """A `Room`."""
    return _parse(Room(), payload)


def _check_key(key: str) -> None:
    if not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise MalformedMessageError("the idempotency key must be 1 to 255 printable characters", "Idempotency-Key")


def _priority(name: str | None) -> Priority:
    if name is None:
        return Priority.PRIORITY_UNSPECIFIED
    if name not in PRIORITIES:
        raise MalformedMessageError(f"{headers.PRIORITY} must be {PRIORITY_NAMES}")
    return PRIORITIES[name]


def _ttft_ms(text: str | None) -> int:
    if text is None:
        return 0
    limit_ms = parse_ttft_ms(text)
    if limit_ms is None:
        raise MalformedMessageError(f"{headers.TTFT_MS} must be milliseconds, 1 to {LONGEST_TTFT_MS}")
    return limit_ms


def _parse(message: M, payload: bytes) -> M:
    try:
        message.ParseFromString(payload)
    except DecodeError:
        raise MalformedMessageError(f"not a valid {message.DESCRIPTOR.full_name} message") from None
    return message


def _parses(payload: bytes) -> bool:
    try:
        decode_request(payload)
    except MalformedMessageError:
        return False
    return True
