"""A request as the API tells of it. Pure."""

from collections.abc import Iterable, Mapping

import msgspec

from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane_chassis.results import Result
from tokenlane_proto import headers

_STATES = {
    RequestState.REQUEST_STATE_UNSPECIFIED: "accepted",
    RequestState.REQUEST_STATE_ACCEPTED: "accepted",
    RequestState.REQUEST_STATE_QUEUED: "queued",
    RequestState.REQUEST_STATE_RUNNING: "running",
}


class _Usage(msgspec.Struct):
    prompt_tokens: int
    completion_tokens: int


class _Response(msgspec.Struct):
    status: int
    content_type: str
    body: msgspec.Raw


class _Request(msgspec.Struct, omit_defaults=False):
    id: str
    status: str
    object: str = "request"
    created: int | None = None
    model: str | None = None
    lane: str | None = None
    attempt: int | None = None
    queue_position: int | None = None
    expected_start_ms: int | None = None
    events: int | None = None
    budget_tokens: int | None = None
    usage: _Usage | None = None
    response: _Response | None = None


def first_hand(told: Iterable[RequestStatus]) -> RequestStatus | None:
    """The status told by whoever is nearest to the engine; when the request was accepted, by whoever knows it."""
    ordered = sorted(told, key=lambda status: (status.state, status.attempt))
    if not ordered:
        return None
    known = RequestStatus()
    for status in ordered:
        known.MergeFrom(status)
    return known


def running(request_id: str, status: RequestStatus | None, ahead: int | None) -> bytes:
    """Body for a request that has not ended. `ahead`: requests that go before it."""
    if status is None:
        return msgspec.json.encode(_Request(request_id, "accepted"))
    return msgspec.json.encode(
        _Request(
            request_id,
            _STATES.get(status.state, "accepted"),
            created=status.accepted_unix_ms // 1000 or None,
            model=status.model or None,
            lane=status.lane or None,
            attempt=status.attempt or None,
            queue_position=None if ahead is None else ahead + 1,
            expected_start_ms=_expected_start_ms(status),
            events=status.events if status.state == RequestState.REQUEST_STATE_RUNNING else None,
            budget_tokens=status.budget_tokens or None,
        )
    )


def _expected_start_ms(status: RequestStatus) -> int | None:
    """Only the dispatcher knows, and it tells what is ahead as well."""
    told = status.state == RequestState.REQUEST_STATE_QUEUED and status.HasField("ahead")
    return status.expected_start_ms if told else None


def ended(request_id: str, result: Result) -> bytes:
    """Body for a request with a result."""
    fields = result.headers
    content_type = fields.get(headers.CONTENT_TYPE, "application/json")
    usage = None
    if headers.COMPLETION_TOKENS in fields:
        usage = _Usage(_number(fields, headers.PROMPT_TOKENS) or 0, _number(fields, headers.COMPLETION_TOKENS) or 0)
    return msgspec.json.encode(
        _Request(
            request_id,
            fields.get(headers.OUTCOME, "completed"),
            lane=fields.get(headers.LANE),
            attempt=_number(fields, headers.ATTEMPT),
            budget_tokens=_number(fields, headers.BUDGET_TOKENS),
            usage=usage,
            response=_Response(
                _number(fields, headers.STATUS) or 200, content_type, _as_json(content_type, result.body)
            ),
        )
    )


def _as_json(content_type: str, body: bytes) -> msgspec.Raw:
    """A JSON body as it is, any other as a string."""
    if content_type.startswith("application/json"):
        try:
            msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            return msgspec.Raw(body)
    return msgspec.Raw(msgspec.json.encode(body.decode(errors="replace")))


def _number(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else None
