"""Writing how a request ended: to the reply inbox, and to the stored result."""

import json

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis.bus import Bus
from tokenlane_proto import headers, subjects

JSON = "application/json"


def error_body(message: str, error_type: str, code: str | None = None, param: str | None = None) -> bytes:
    """An error in OpenAI's shape."""
    return json.dumps({"error": {"message": message, "type": error_type, "param": param, "code": code}}).encode()


def result_headers(
    request_id: str, attempt: int, outcome: Outcome, status: int, content_type: str, reason: str = ""
) -> dict[str, str]:
    """What is stored beside the bytes of a result."""
    fields = {
        headers.REQUEST_ID: request_id,
        headers.ATTEMPT: str(attempt),
        headers.OUTCOME: Outcome.Name(outcome).removeprefix("OUTCOME_").lower(),
        headers.STATUS: str(status),
        headers.CONTENT_TYPE: content_type,
    }
    if reason:
        fields[headers.REASON] = " ".join(reason.split())[:512]
    return fields


async def publish_error(
    bus: Bus,
    tenant: str,
    request: Request,
    *,
    status: int,
    message: str,
    error_type: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
    outcome: Outcome = Outcome.OUTCOME_FAILED,
    attempt: int = 1,
    seq: int = 0,
    begun: bool = False,
) -> None:
    """End a request with an error: tell the inbox, then store it. Of `request` only the id and the reply fields count.

    `seq` is the next frame number of the attempt; `begun` says that its head was already sent. Raises BusError when the
    result could not be stored: leave the request unacknowledged then."""
    body = error_body(message, error_type, code, param)
    fields = result_headers(request.request_id, attempt, outcome, status, JSON, message)
    if request.reply_inbox:
        inbox = subjects.reply(tenant, request.reply_inbox)
        if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN:
            bus.post(inbox, body, {**fields, headers.SEQ: str(seq)})
        else:
            head = None if begun else Head(http_status=status, content_type=JSON)
            terminal = Terminal(outcome=outcome, reason=message, http_status=status)
            frame = Frame(attempt=attempt, seq=seq, head=head, data=b"" if begun else body, terminal=terminal)
            bus.post(inbox, frame.SerializeToString())
    await bus.publish_durable(subjects.result(tenant, request.request_id), body, fields)
