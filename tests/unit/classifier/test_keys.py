"""How a request stands to the first one with its key, and what is remembered of requests."""

import pytest

from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.request_pb2 import BodyRef, Facts, ReplyFormat, Request
from tokenlane_classifier.budget import Budget
from tokenlane_classifier.decision import Forward
from tokenlane_classifier.estimate.prompt import PromptEstimate
from tokenlane_classifier.keys import Standing, is_gone, record_of, standing
from tokenlane_classifier.ledger import Entry, Ledger, entry_of, forwarded

FIRST = KeyRecord(body_sha256=b"a" * 32, requests_seq=7, accepted_unix_ms=100)
KEY = ("acme", "r1")
ENTRY = Entry(7, 100, "m", "door.1", False, "")


@pytest.mark.parametrize(
    ("first", "sha", "seq", "accepted", "expected"),
    [
        (None, b"a" * 32, 7, 100, Standing.FIRST),
        (FIRST, b"a" * 32, 7, 100, Standing.FIRST),
        (FIRST, b"a" * 32, 8, 100, Standing.COPY),
        (FIRST, b"a" * 32, 8, 200, Standing.REPETITION),
        (FIRST, b"b" * 32, 8, 200, Standing.CONFLICT),
        (FIRST, b"b" * 32, 8, 100, Standing.CONFLICT),
    ],
)
def test_standing(first: KeyRecord | None, sha: bytes, seq: int, accepted: int, expected: Standing) -> None:
    assert standing(first, record_of(Request(body_sha256=sha, accepted_unix_ms=accepted), seq)) is expected


def test_a_result_may_be_gone_once_the_request_is_older_than_results_become() -> None:
    assert not is_gone(FIRST, 10, 10_100)
    assert is_gone(FIRST, 10, 10_101)


def test_an_entry_has_what_a_cancellation_needs() -> None:
    request = Request(
        accepted_unix_ms=100,
        reply_inbox="door.1",
        reply_format=ReplyFormat.REPLY_FORMAT_PLAIN,
        facts=Facts(model="m"),
        body_ref=BodyRef(object="acme.r1.x"),
    )
    entry = entry_of(request, 7)
    assert entry == Entry(7, 100, "m", "door.1", True, "acme.r1.x")
    prompt = PromptEstimate(30, "latin", (), 29, 25)
    queued = forwarded(entry, Forward("short", "short", Budget(30, 10), 5, prompt, "route"), 3)
    assert (queued.lane, queued.lane_seq, queued.budget_tokens, queued.level) == ("short", 3, 40, "route")


def test_the_ledger_forgets_what_was_noted_first() -> None:
    ledger = Ledger(kept=2)
    for name in ("a", "b", "a", "c"):
        ledger.note(("acme", name), ENTRY)
        ledger.cancel(("acme", name), 100)
    assert [ledger.find(("acme", name)) for name in "abc"] == [ENTRY, None, ENTRY]
    assert [ledger.is_cancelled(("acme", name), 50) for name in "abc"] == [True, False, True]


def test_a_request_that_ended_is_forgotten() -> None:
    ledger = Ledger()
    ledger.note(KEY, ENTRY)
    ledger.forget(*KEY)
    ledger.forget("acme", "never seen")
    assert ledger.find(KEY) is None


def test_a_copy_has_another_sequence_and_the_same_moment() -> None:
    ledger = Ledger()
    assert not ledger.is_copy(KEY, ENTRY)
    ledger.note(KEY, ENTRY)
    assert not ledger.is_copy(KEY, ENTRY)
    assert ledger.is_copy(KEY, ENTRY._replace(requests_seq=8))
    assert not ledger.is_copy(KEY, ENTRY._replace(requests_seq=8, accepted_unix_ms=101))


def test_a_cancellation_does_not_hold_for_a_later_request_of_the_same_id() -> None:
    ledger = Ledger()
    ledger.cancel(KEY, 100)
    assert ledger.is_cancelled(KEY, 100)
    assert not ledger.is_cancelled(KEY, 101)
    assert not ledger.is_cancelled(("other", "r1"), 100)
