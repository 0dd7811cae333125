"""Telling a reader something without ending the request: nothing is stored."""

from collections.abc import Mapping

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal, Waiting
from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus, Message
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_classifier.decision import Reject
from tokenlane_proto import headers, subjects

# No attempt is numbered like this: what it says is never stale.
_LAST_WORD = 2**32 - 1
_FIRST = "0"


def refuse(bus: Bus, tenant: str, request: Request, reject: Reject) -> None:
    """Answer one inbox with an error."""
    if not request.reply_inbox:
        return
    subject = subjects.reply(tenant, request.reply_inbox)
    body = results.error_body(reject.message, reject.error_type, reject.code, reject.param)
    if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN:
        fields = results.result_headers(
            request.request_id, 1, reject.outcome, reject.status, results.JSON, reject.message, reject.code
        )
        if reject.retry_after_ms:
            fields[headers.RETRY_AFTER_MS] = str(reject.retry_after_ms)
        bus.post(subject, body, {**fields, headers.SEQ: _FIRST})
        return
    head = Head(http_status=reject.status, content_type=results.JSON)
    bus.post(subject, Frame(attempt=1, head=head, data=body, terminal=_terminal(reject)).SerializeToString())


def tell_waiting(bus: Bus, tenant: str, inbox: str, position: int, expected_start_ms: int) -> None:
    """Tell an inbox of frames how its request stands."""
    frame = Frame(waiting=Waiting(position=position, expected_start_ms=expected_start_ms))
    bus.post(subjects.reply(tenant, inbox), frame.SerializeToString())


def tell_end(bus: Bus, tenant: str, request: Request, reject: Reject) -> None:
    """Tell an inbox how its request ended, whichever attempt it reads and however much it has seen of it."""
    if not request.reply_inbox:
        return
    if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN:
        refuse(bus, tenant, request, reject)
        return
    frame = Frame(attempt=_LAST_WORD, terminal=_terminal(reject))
    bus.post(subjects.reply(tenant, request.reply_inbox), frame.SerializeToString())


def tell_stored(bus: Bus, tenant: str, request: Request, result: Message) -> None:
    """Tell an inbox that the result is stored, with the result itself where frames are not understood."""
    if not request.reply_inbox:
        return
    subject = subjects.reply(tenant, request.reply_inbox)
    if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN:
        _post_result(bus, subject, result.data, {**_own_headers(result.headers), headers.SEQ: _FIRST})
        return
    # Without head and data a reader takes it for an answer that did not fit a message, and reads what is stored.
    frame = Frame(attempt=1, terminal=Terminal(outcome=Outcome.OUTCOME_COMPLETED))
    bus.post(subject, frame.SerializeToString())


def _post_result(bus: Bus, subject: str, body: bytes, fields: Mapping[str, str]) -> None:
    try:
        bus.post(subject, body, fields)
    except MessageTooLargeError:
        # It is stored with fewer headers; who gets these alone can read it there.
        bus.post(subject, b"", fields)


def _terminal(reject: Reject) -> Terminal:
    return Terminal(
        outcome=reject.outcome,
        reason=reject.message,
        http_status=reject.status,
        error_type=reject.error_type,
        code=reject.code,
        retry_after_ms=reject.retry_after_ms,
    )


def _own_headers(fields: Mapping[str, str]) -> dict[str, str]:
    """Without what the broker made of them or for itself."""
    return {name: value for name, value in fields.items() if not name.startswith("Nats-")}
