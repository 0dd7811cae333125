"""How a request ended: stored once, then told to who waits; and read again."""

import json
import uuid
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal
from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import MessageTooLargeError
from tokenlane_proto import headers, subjects, topology

JSON = "application/json"


class Result(NamedTuple):
    """A stored result: the HTTP body, and what `result_headers` tells of it."""

    body: bytes
    headers: Mapping[str, str]


def error_body(message: str, error_type: str, code: str | None = None, param: str | None = None) -> bytes:
    """An error in OpenAI's shape."""
    return json.dumps({"error": {"message": message, "type": error_type, "param": param, "code": code}}).encode()


def result_headers(
    request_id: str,
    attempt: int,
    outcome: Outcome,
    status: int,
    content_type: str,
    reason: str = "",
    code: str | None = None,
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
    if code:
        fields[headers.CODE] = code
    return fields


async def store(bus: Bus, tenant: str, request_id: str, body: bytes, fields: Mapping[str, str]) -> bool:
    """Store a request's one result. False if it has one already: show nothing of this one then. What is too large for
    a message goes to the object store. Raises BusError."""
    subject = subjects.result(tenant, request_id)
    try:
        return await bus.publish_once(subject, body, fields)
    except MessageTooLargeError:
        # A name of its own: another attempt's bytes must not take the place of these.
        name = f"result.{tenant}.{request_id}.{uuid.uuid4().hex}"
    await bus.put_object(topology.BODY_STORE, name, body)
    stored = await bus.publish_once(subject, b"", {**fields, headers.OBJECT: name})
    if not stored:
        await bus.delete_object(topology.BODY_STORE, name)
    return stored


async def load(bus: Bus, tenant: str, request_id: str) -> Result | None:
    """A request's result; None if it has none yet, or none any more. Raises BusUnavailableError."""
    found = await bus.last(topology.RESULTS, subjects.result(tenant, request_id))
    if found is None:
        return None
    name = found.headers.get(headers.OBJECT)
    if name is None:
        return Result(found.data, found.headers)
    body = await bus.get_object(topology.BODY_STORE, name)
    return None if body is None else Result(body, found.headers)


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
    first_event: int = 0,
    begun: bool = False,
    inboxes: Collection[str] = (),
    retry_after_ms: int = 0,
) -> bool:
    """End a request with an error: store it, then tell the request's inbox and `inboxes`. Of `request` only the id and
    the reply fields count. False, and nobody is told, if the request has a result already.

    `seq` is the next frame number of the attempt, `first_event` the number of events sent; `begun` says that its head
    was already sent. `retry_after_ms`: when to come again, 0 where that does not help. Raises BusError when the result
    could not be stored: leave the request unacknowledged then."""
    body = error_body(message, error_type, code, param)
    fields = result_headers(request.request_id, attempt, outcome, status, JSON, message, code)
    if retry_after_ms:
        fields[headers.RETRY_AFTER_MS] = str(retry_after_ms)
    if not await store(bus, tenant, request.request_id, body, fields):
        return False
    framed = {*inboxes, request.reply_inbox} - {""}
    if request.reply_format == ReplyFormat.REPLY_FORMAT_PLAIN and request.reply_inbox:
        framed.remove(request.reply_inbox)
        bus.post(subjects.reply(tenant, request.reply_inbox), body, {**fields, headers.SEQ: str(seq)})
    frame = Frame(
        attempt=attempt,
        seq=seq,
        head=None if begun else Head(http_status=status, content_type=JSON),
        data=b"" if begun else body,
        terminal=Terminal(
            outcome=outcome,
            reason=message,
            http_status=status,
            error_type=error_type,
            code=code or "",
            retry_after_ms=retry_after_ms,
        ),
        first_event=first_event,
    ).SerializeToString()
    for inbox in sorted(framed):
        bus.post(subjects.reply(tenant, inbox), frame)
    return True
