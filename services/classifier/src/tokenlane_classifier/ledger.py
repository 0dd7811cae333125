"""What is remembered of the requests that went through here: where each waits, and which were cancelled. Pure."""

from collections import OrderedDict
from typing import Generic, NamedTuple, TypeVar

from tokenlane.v1.request_pb2 import ReplyFormat, Request
from tokenlane_classifier.decision import Forward

# Of the requests forwarded last, and of the cancellations that came last.
KEPT = 65_536

# Tenant and request id.
Key = tuple[str, str]
V = TypeVar("V")

_PLAIN = ReplyFormat.REPLY_FORMAT_PLAIN


class Entry(NamedTuple):
    """A request. `lane_seq`: its sequence in the stream of lanes, 0 as long as it has no lane. `requests_seq`: that in
    the stream of requests. `body_object`: the object that holds its body, if one does. `level`: how much of its route
    the output's estimate rested on."""

    requests_seq: int
    accepted_unix_ms: int
    model: str
    reply_inbox: str
    plain: bool
    body_object: str
    lane: str = ""
    lane_seq: int = 0
    budget_tokens: int = 0
    level: str = ""


class Ledger:
    """Of bounded size; what was noted first is forgotten first."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: _Bounded[Entry] = _Bounded(kept)
        # With the time of the cancellation: an id may be used again later.
        self._cancelled: _Bounded[int] = _Bounded(kept)

    def note(self, key: Key, entry: Entry) -> None:
        """This is where the request is now."""
        self._entries.put(key, entry)

    def forget(self, tenant: str, request_id: str) -> Entry | None:
        """The request has ended. Returns what was known of it."""
        return self._entries.take((tenant, request_id))

    def find(self, key: Key) -> Entry | None:
        """What is known of a request."""
        return self._entries.get(key)

    def is_copy(self, key: Key, entry: Entry) -> bool:
        """Whether `entry` is a second copy of a request that is known: its publisher sent it again, not knowing that
        the stream had it, and the stream had forgotten it."""
        known = self._entries.get(key)
        return (
            known is not None
            and known.requests_seq != entry.requests_seq
            and known.accepted_unix_ms == entry.accepted_unix_ms
        )

    def cancel(self, key: Key, now_unix_ms: int) -> None:
        """The request was cancelled: it is not to go on if it comes here."""
        self._cancelled.put(key, now_unix_ms)

    def is_cancelled(self, key: Key, accepted_unix_ms: int) -> bool:
        """Whether the request that was accepted then has been cancelled since."""
        cancelled_unix_ms = self._cancelled.get(key)
        return cancelled_unix_ms is not None and accepted_unix_ms <= cancelled_unix_ms


def entry_of(request: Request, requests_seq: int) -> Entry:
    """What is remembered of a request that was read."""
    return Entry(
        requests_seq,
        request.accepted_unix_ms,
        request.facts.model,
        request.reply_inbox,
        request.reply_format == _PLAIN,
        request.body_ref.object if request.HasField("body_ref") else "",
    )


def forwarded(entry: Entry, forward: Forward, lane_seq: int) -> Entry:
    """The entry once the request waits in its lane."""
    requests_seq, accepted, model, inbox, plain, body_object, *_ = entry
    lane, tokens, level = forward.lane, forward.budget.total, forward.level
    return Entry(requests_seq, accepted, model, inbox, plain, body_object, lane, lane_seq, tokens, level)


class _Bounded(Generic[V]):
    """The values that were put last."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        # A plain dict finds its first key the slower the more were deleted before it.
        self._values: OrderedDict[Key, V] = OrderedDict()

    def put(self, key: Key, value: V) -> None:
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._kept:
            self._values.popitem(last=False)

    def take(self, key: Key) -> V | None:
        return self._values.pop(key, None)

    def get(self, key: Key) -> V | None:
        return self._values.get(key)
