"""A delivery to a request: the envelope, or a bare OpenAI body that gets one."""

from collections.abc import Mapping
from typing import NamedTuple

from google.protobuf.message import DecodeError

from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis.bus import Delivery
from tokenlane_proto import codec, headers, subjects


class Reading(NamedTuple):
    """A request, and the bytes that encode it."""

    request: Request
    encoded: bytes


def read(delivery: Delivery, now_unix_ms: int) -> Reading:
    """The request in a delivery. Raises MalformedMessageError."""
    data = delivery.data
    if not codec.is_bare(data):
        return Reading(codec.decode_request(data), data)
    request = codec.wrap_bare(data, delivery.headers, own_id(delivery.stream_seq), now_unix_ms)
    return Reading(request, request.SerializeToString())


def own_id(stream_seq: int) -> str:
    """The id of a request that names none."""
    return f"seq-{stream_seq}"


def salvage(data: bytes, fields: Mapping[str, str], stream_seq: int) -> Request:
    """What can be known of a message that cannot be read: by which id, to which inbox and how its error goes out."""
    if codec.is_bare(data):
        return _addressed(fields.get(headers.REQUEST_ID, ""), fields.get(headers.REPLY_INBOX, ""), stream_seq, True)
    try:
        envelope = Request.FromString(data)
    except DecodeError:
        return _addressed(fields.get(headers.REQUEST_ID, ""), fields.get(headers.REPLY_INBOX, ""), stream_seq, True)
    plain = envelope.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN
    return _addressed(envelope.request_id, envelope.reply_inbox, stream_seq, plain)


def _addressed(request_id: str, inbox: str, stream_seq: int, plain: bool) -> Request:
    return Request(
        request_id=request_id if subjects.is_token(request_id) else own_id(stream_seq),
        reply_inbox=inbox if subjects.is_inbox(inbox) else "",
        reply_format=ReplyFormat.REPLY_FORMAT_PLAIN if plain else ReplyFormat.REPLY_FORMAT_UNSPECIFIED,
    )
