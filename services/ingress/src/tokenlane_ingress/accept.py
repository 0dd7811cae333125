"""What the door checks before it accepts a request. Pure: each check returns what it read, or the error to answer."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tokenlane.v1.request_pb2 import Endpoint, Facts, Priority
from tokenlane_ingress import errors
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_proto import events
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.openai_body import read_facts
from tokenlane_proto.subjects import is_token
from tokenlane_proto.wishes import PRIORITIES, PRIORITY_NAMES, parse_ttft_ms

TIMEOUT_HEADER = "x-tokenlane-timeout-ms"
PRIORITY_HEADER = "x-tokenlane-priority"
TTFT_HEADER = "x-tokenlane-ttft-ms"
KEY_HEADER = "Idempotency-Key"
LAST_EVENT_HEADER = "Last-Event-ID"
STARTING_AFTER = "starting_after"
_SAMPLED = 1
_LONGEST_KEY = 255
# What `subjects.keyed_id` makes: no client may give such an id to a request by itself.
_KEYED_ID = re.compile(r"k-[0-9a-f]{32}")
_STARTING_AFTER = re.compile(rb"(?:^|&)starting_after=([^&]*)")


class Position(NamedTuple):
    """How much of a stream its client has: `events` of them, with this digest (None: not told)."""

    events: int = 0
    digest: int | None = 0


START = Position()


class Wishes(NamedTuple):
    """When the client wants its answer: after `timeout_ms` at the latest, and its begin within `ttft_limit_ms`; 0: what
    such requests get. Unit: milliseconds."""

    timeout_ms: int
    priority: Priority = Priority.PRIORITY_UNSPECIFIED
    ttft_limit_ms: int = 0


def check_body(body: bytes, endpoint: Endpoint, limits: Mapping[str, int]) -> Facts | ErrorAnswer:
    """The facts of a body that some lane can run. `limits`: the longest context by model, in tokens."""
    try:
        facts = read_facts(body, endpoint)[1]
    except MalformedMessageError as error:
        return errors.invalid(str(error), error.param)
    limit = limits.get(facts.model)
    if limit is None:
        return errors.unknown_model(facts.model)
    if facts.max_output_tokens > limit:
        param = "max_completion_tokens" if b'"max_completion_tokens"' in body else "max_tokens"
        return errors.context_exceeded(facts.max_output_tokens, limit, param)
    return facts


def check_length(content_length: bytes | None, limit: int) -> ErrorAnswer | None:
    """The error for a body that announces itself as too long. `limit` in bytes."""
    if content_length is not None and int(content_length) > limit:
        return errors.body_too_large(limit)
    return None


def client_request_id(header: bytes | None) -> str | None:
    """The client's own id for the request, where it is one that the bus can carry."""
    if header is None:
        return None
    text = header.decode("latin-1")
    return text if is_token(text) and not _KEYED_ID.fullmatch(text) else None


def idempotency_key(header: bytes) -> str | ErrorAnswer:
    """The client's idempotency key."""
    key = header.decode(errors="replace").strip()
    if "\ufffd" in key or not (0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        return errors.invalid(f"{KEY_HEADER} must be 1 to {_LONGEST_KEY} printable characters", KEY_HEADER)
    return key


def last_event(header: bytes | None) -> Position | ErrorAnswer | None:
    """What the id of the last event that a client got says; None without one."""
    if header is None or not header.strip():
        return None
    found = events.parse_event_id(header.decode("latin-1"))
    if found is None:
        return errors.invalid(f"{LAST_EVENT_HEADER} must be the id of an event of this answer", LAST_EVENT_HEADER)
    return Position(*found)


def resume_after(header: bytes | None, query: bytes) -> Position | ErrorAnswer:
    """Where a client wants to go on: after its last event, or after the number in the query. The header is the newer
    of the two, for a client that reconnects repeats its query."""
    position = last_event(header)
    if position is not None:
        return position
    found = _STARTING_AFTER.search(query)
    if found is None:
        return START
    if not found[1].isdigit() or len(found[1]) > 9:
        return errors.invalid(f"{STARTING_AFTER} must be a number of events", STARTING_AFTER)
    return Position(int(found[1]), None) if int(found[1]) else START


def timeout_ms(header: bytes | None, limit_ms: int, default_ms: int = 0) -> int | ErrorAnswer:
    """How long the client will wait, at most `limit_ms`. `default_ms`: what its tenant has set for those that do not
    say. Unit: milliseconds."""
    if header is None:
        return default_ms if 0 < default_ms < limit_ms else limit_ms
    if not header.isdigit() or len(header) > 12 or int(header) == 0:
        return errors.invalid(f"{TIMEOUT_HEADER} must be a positive number of milliseconds", TIMEOUT_HEADER)
    return min(int(header), limit_ms)


def wishes(headers: Mapping[bytes, bytes], limit_ms: int, default_ms: int) -> Wishes | ErrorAnswer:
    """What the headers say; limit and default as for `timeout_ms`."""
    timeout = timeout_ms(headers.get(b"x-tokenlane-timeout-ms"), limit_ms, default_ms)
    if isinstance(timeout, ErrorAnswer):
        return timeout
    priority, ttft = headers.get(b"x-tokenlane-priority"), headers.get(b"x-tokenlane-ttft-ms")
    if priority is None and ttft is None:
        return Wishes(timeout)
    name = "" if priority is None else priority.decode("latin-1")
    if priority is not None and name not in PRIORITIES:
        return errors.invalid(f"{PRIORITY_HEADER} must be {PRIORITY_NAMES}", PRIORITY_HEADER)
    ttft_ms = 0 if ttft is None else parse_ttft_ms(ttft.decode("latin-1"))
    if ttft_ms is None:
        return errors.invalid(f"{TTFT_HEADER} must be a positive number of milliseconds", TTFT_HEADER)
    return Wishes(timeout, PRIORITIES.get(name, Priority.PRIORITY_UNSPECIFIED), ttft_ms)


def sampled_traceparent(header: bytes | None) -> str | None:
    """The client's W3C trace context, if it is recorded."""
    if header is None or len(header) != 55 or not header.isascii():
        return None
    text = header.decode()
    try:
        return text if int(text[53:], 16) & _SAMPLED else None
    except ValueError:
        return None
