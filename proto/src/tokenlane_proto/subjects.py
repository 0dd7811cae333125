"""Subjects, built and taken apart in one place.

A token that comes from outside (a model's name) is escaped so that it stays one subject token; a tenant and a lane must
already be one.
"""

import hashlib
import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from tokenlane_proto.errors import MalformedMessageError

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INBOX = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,3}")
# What `quote` leaves alone, but a subject token ("." splits it) or a bucket's key ("~" is not allowed) must not hold.
_LEFT_ALONE = str.maketrans({".": "%2E", "~": "%7E"})
# Budgets are kept to four significant binary digits, so that a lane has few subjects.
_MANTISSA_BITS = 4

# What classifiers ask the dispatcher, and what they and workers tell it.
LINE_ASK = "line.ask"
LINE_HELD = "line.held"
LINE_ROOM = "line.room"
# The dispatcher is new: workers are to tell all they have.
LINE_HELLO = "line.hello"


class LaneSubject(NamedTuple):
    """The parts of `lanes.<lane>.<fits>.<model>.<tenant>.<tokens>`. `fits` is the first lane whose engines hold the
    budget, `tokens` is the rounded budget."""

    lane: str
    fits: str
    model: str
    tenant: str
    tokens: int


def is_token(text: str) -> bool:
    """Whether `text` may name a tenant, a lane or a request."""
    return _TOKEN.fullmatch(text) is not None


def is_inbox(text: str) -> bool:
    """Whether `text` may follow `replies.<tenant>.`: one to four subject tokens, no wildcard."""
    return _INBOX.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def escape(model: str) -> str:
    """A model's name as one subject token: percent-encoded, dots too."""
    return quote(model, safe="").translate(_LEFT_ALONE)


def unescape(token: str) -> str:
    """The inverse of `escape`."""
    return unquote(token)


def bucket_tokens(tokens: int) -> int:
    """`tokens` rounded up to four significant binary digits: at most 12.5 % more, about eight subjects an octave."""
    shift = max(0, tokens.bit_length() - _MANTISSA_BITS)
    return -(-tokens >> shift) << shift


def requests(tenant: str) -> str:
    """Where accepted requests of a tenant are published."""
    return f"requests.{tenant}"


@lru_cache(maxsize=1024)
def tenant_of(subject: str) -> str:
    """Tenant of a `requests.`, `replies.`, `usage.` or `cancels.` subject. Raises MalformedMessageError."""
    parts = subject.split(".", 2)
    if len(parts) < 2 or not is_token(parts[1]):
        raise MalformedMessageError(f"subject {subject!r} names no tenant")
    return parts[1]


def lane(lane: str, fits: str, model: str, tenant: str, tokens: int) -> str:
    """Where a budgeted request waits. The rounded budget is part of the subject, so that the broker's own count of
    messages by subject is the backlog in tokens by lane, model and tenant. So is `fits`, so that workers of other lanes
    can ask for what their engines hold, and for nothing else."""
    return f"lanes.{lane}.{fits}.{escape(model)}.{tenant}.{bucket_tokens(tokens)}"


def held(lane: str, fits: str, model: str, tenant: str, tokens: int) -> str:
    """Where a budgeted request waits for its turn. With the parts of `lane`, and for the same reasons."""
    return f"held.{lane}.{fits}.{escape(model)}.{tenant}.{bucket_tokens(tokens)}"


def held_filter(lane: str, model: str, fits: str = "*") -> str:
    """All that waits for its turn in a lane for a model."""
    return f"held.{lane}.{fits}.{escape(model)}.>"


def is_held(subject: str) -> bool:
    """Whether what is there waits for its turn."""
    return subject.startswith("held.")


def released(subject: str) -> str:
    """Where what was on a `held.…` subject goes once its turn has come."""
    return "lanes." + subject.removeprefix("held.")


def lane_filter(lane: str, model: str, fits: str = "*") -> str:
    """All that waits in a lane for a model, or the part of it that fits the engines of lane `fits`."""
    return f"lanes.{lane}.{fits}.{escape(model)}.>"


def parse_lane(subject: str) -> LaneSubject:
    """The inverse of `lane` and `held`. Raises MalformedMessageError."""
    parts = subject.split(".")
    if len(parts) != 6 or parts[0] not in ("lanes", "held") or not parts[5].isdigit():
        raise MalformedMessageError(f"{subject!r} is not a lane subject")
    return LaneSubject(parts[1], parts[2], unescape(parts[3]), parts[4], int(parts[5]))


def reply(tenant: str, inbox: str) -> str:
    """Where the answer goes. Built from the authenticated tenant, never taken from a message: the broker does not check
    reply subjects, so a tenant could otherwise name another's inbox."""
    return f"replies.{tenant}.{inbox}"


def result(tenant: str, request_id: str) -> str:
    """Where the terminal result is stored."""
    return f"results.{tenant}.{request_id}"


def usage(tenant: str) -> str:
    """Where usage events are published."""
    return f"usage.{tenant}"


def cancel(tenant: str) -> str:
    """Where cancellations are published; the payload is the request id."""
    return f"cancels.{tenant}"


def attach(tenant: str) -> str:
    """Where readers ask for the frames of a running request."""
    return f"attach.{tenant}"


def started(tenant: str, request_id: str) -> str:
    """Where a worker tells that it begins an attempt, to those who wait for that request."""
    return f"started.{tenant}.{request_id}"


def claims(tenant: str) -> str:
    """Where a worker tells the others that it begins a second or later attempt."""
    return f"claims.{tenant}"


def shown(tenant: str, inbox: str) -> str:
    """Where the owner of a reply inbox is asked what its client was shown."""
    return f"shown.{tenant}.{inbox}"


def status(tenant: str) -> str:
    """Where a request's state is asked for; the payload is the request id."""
    return f"status.{tenant}"


def progress(tenant: str, request_id: str) -> str:
    """Where checkpoints and ended attempts are kept."""
    return f"progress.{tenant}.{request_id}"


def dead(tenant: str, request_id: str) -> str:
    """Where a request goes that was given up."""
    return f"dead.{tenant}.{request_id}"


def keyed_id(idempotency_key: str) -> str:
    """The request id that follows from an idempotency key."""
    return "k-" + hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]
