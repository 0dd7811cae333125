"""What the dispatcher knows, and lets go."""

import pytest

from tests.unit.classifier.dispatch.given import MODEL, NOW_S, candidate, gone, hold, room, state
from tokenlane_classifier.dispatch.state import Fate
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_classifier.line.verdict import Refused
from tokenlane_classifier.line.waiting import Waiting


def test_where_there_is_room_a_request_goes_at_once() -> None:
    knows = state()
    knows.heard(room(1_000), NOW_S)
    found = knows.apply(candidate(), NOW_S, 0.0)
    assert isinstance(found, Waiting)
    assert gone(knows) == [found.seq]


def test_where_nobody_works_all_wait() -> None:
    knows = state()
    hold(knows, "r1", 7)
    knows.heard(room(1_000), NOW_S)
    assert gone(knows) == [7]


def test_no_more_goes_than_there_is_room_for() -> None:
    knows = state()
    for seq in range(1, 10):
        hold(knows, f"r{seq}", seq)
    knows.heard(room(200), NOW_S)
    assert gone(knows) == [1, 2, 3], "the last one takes more than is left"
    knows.heard(room(0, taken=3), NOW_S)
    assert gone(knows) == []
    knows.heard(room(76), NOW_S)
    assert gone(knows) == [4]


def test_what_is_on_its_way_takes_room_until_it_is_taken() -> None:
    knows = state()
    for seq in range(1, 10):
        hold(knows, f"r{seq}", seq)
    knows.heard(room(76), NOW_S)
    assert gone(knows) == [1]
    knows.heard(room(76), NOW_S)
    assert gone(knows) == [], "it told before it took it"


def test_the_most_urgent_goes_first() -> None:
    knows = state()
    hold(knows, "r1", 1, ttft_limit_ms=5_000)
    hold(knows, "r2", 2, ttft_limit_ms=1_000)
    knows.heard(room(76), NOW_S)
    assert gone(knows) == [2]


def test_a_request_that_asks_again_while_it_is_on_its_way_goes_on() -> None:
    knows = state()
    knows.heard(room(1_000), NOW_S)
    knows.apply(candidate(), NOW_S, 0.0)
    gone(knows)
    assert knows.apply(candidate(), NOW_S, 0.0) is None
    assert knows.held(candidate(held_seq=5), NOW_S) is Fate.GOES, "its turn has come"


def test_a_request_that_asks_again_before_it_is_held_is_admitted_once() -> None:
    knows = state(TenantLimits(requests_queued=1))
    for _ in range(3):
        found = knows.apply(candidate(), NOW_S, 0.0)
        assert isinstance(found, Waiting)
        knows.wait(candidate(), found, NOW_S)
    assert knows.accounts.usage("acme").queued == 1


def test_a_request_that_asks_again_while_it_waits_waits_where_it_is() -> None:
    knows = state(TenantLimits(requests_queued=1))
    hold(knows, "r1", 7)
    found = knows.apply(candidate(), NOW_S, 0.0)
    assert isinstance(found, Waiting)
    assert found.seq == 7
    assert knows.accounts.usage("acme").queued == 1


def test_what_another_dispatcher_left_is_found() -> None:
    knows = state()
    knows.recall(candidate(held_seq=3), NOW_S)
    knows.recall(candidate(held_seq=3), NOW_S)
    assert knows.accounts.usage("acme").queued == 1
    knows.heard(room(1_000), NOW_S)
    assert gone(knows) == [3]
    knows.recall(candidate(held_seq=3), NOW_S)
    assert gone(knows) == [], "it is still there while it is moved"


def test_what_is_cancelled_does_not_go() -> None:
    knows = state()
    hold(knows, "r1", 1)
    knows.gone(("acme", "r1"), NOW_S)
    knows.heard(room(1_000), NOW_S)
    assert gone(knows) == []
    assert knows.accounts.usage("acme").queued == 0


def test_what_passes_its_deadline_does_not_go() -> None:
    knows = state()
    hold(knows, "r1", 1, deadline_unix_ms=int(NOW_S * 1_000) + 500)
    assert knows.sweep(NOW_S + 0.4) == []
    assert [waiting.seq for waiting in knows.sweep(NOW_S + 0.6)] == [1]
    knows.heard(room(1_000), NOW_S)
    assert gone(knows) == []


def test_over_its_tokens_in_flight_a_tenant_waits_and_others_do_not() -> None:
    knows = state(TenantLimits(tokens_in_flight=150))
    for seq in (1, 2):
        hold(knows, f"r{seq}", seq)
    hold(knows, "r3", 3, tenant="other", ttft_limit_ms=9_000)
    knows.heard(room(10_000), NOW_S)
    assert gone(knows) == [1, 3]
    knows.used(("acme", "r1"), 60, 10, NOW_S)
    assert gone(knows) == [2]


def test_prompt_and_answer_together_may_not_be_longer_than_the_tenants_context() -> None:
    knows = state(TenantLimits(context_length=4_000))
    long = {"prompt_tokens": 3_600, "least_prompt_tokens": 3_000}
    assert isinstance(knows.apply(candidate("r1", max_output_tokens=1_000, **long), NOW_S, 0.0), Waiting)
    refused = knows.apply(candidate("r2", max_output_tokens=1_001, **long), NOW_S, 0.0)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code, refused.retry_after_ms) == (400, "context_length_exceeded", None)


def test_beyond_what_may_wait_a_tenant_is_told_when_to_come_again() -> None:
    knows = state(TenantLimits(requests_queued=1))
    hold(knows, "r1", 1)
    refused = knows.apply(candidate("r2"), NOW_S, 0.0)
    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (429, "requests_queued_exceeded")
    assert refused.retry_after_ms


def test_what_a_request_did_not_take_comes_back() -> None:
    knows = state(TenantLimits(tokens_per_minute=200))
    knows.heard(room(10_000), NOW_S)
    for name in ("r1", "r2"):
        assert isinstance(knows.apply(candidate(name), NOW_S, 0.0), Waiting)
    assert isinstance(knows.apply(candidate("r3"), NOW_S, 0.0), Refused)
    gone(knows)
    knows.used(("acme", "r1"), 60, 0, NOW_S)
    assert isinstance(knows.apply(candidate("r3", output_tokens=0, prompt_tokens=40), NOW_S, 0.0), Waiting)


def test_a_deadline_that_cannot_be_met_is_refused_before_it_waits() -> None:
    knows = state()
    # A worker that takes one request of 140 units of work, for which 76 tokens are counted, in 0.1 s.
    now_s = NOW_S
    for seq in range(1, 101):
        hold(knows, f"r{seq}", seq, now_s)
    for _ in range(50):
        now_s += 0.1
        knows.heard(room(76), now_s)
        assert len(gone(knows, now_s)) == 1
        knows.heard(room(0, taken=1), now_s)
    late = candidate("late", deadline_unix_ms=int(now_s * 1_000) + 1_000)
    refused = knows.apply(late, now_s, 0.0)
    assert isinstance(refused, Refused)
    assert refused.status == 503
    assert refused.retry_after_ms is not None
    assert 3_000 < refused.retry_after_ms < 6_000
    assert knows.returning(now_s) == {MODEL: 1}
    assert isinstance(knows.apply(candidate("patient"), now_s, 0.0), Waiting)
    assert knows.accounts.usage("acme").queued == 51


def test_who_has_a_deadline_waits_for_the_first_worker() -> None:
    knows = state()
    deadline_ms = int(NOW_S * 1_000) + 600_000
    for seq in range(1, 61):
        now_s = NOW_S + seq
        assert isinstance(knows.apply(candidate(f"r{seq}", deadline_unix_ms=deadline_ms), now_s, 0.0), Waiting)
        knows.sweep(now_s)


def test_what_a_lost_worker_had_is_not_in_flight_for_ever() -> None:
    knows = state(TenantLimits(tokens_in_flight=100))
    knows.heard(room(1_000), NOW_S)
    knows.apply(candidate(), NOW_S, 0.0)
    gone(knows)
    knows.heard(room(1_000, taken=1, running=("r1",), whole=True), NOW_S + 1)
    knows.sweep(NOW_S + 5)
    assert knows.accounts.usage("acme").in_flight == 100
    knows.sweep(NOW_S + 7)
    assert knows.accounts.usage("acme").in_flight == 0


def test_what_workers_have_is_known_to_a_new_dispatcher() -> None:
    knows = state(TenantLimits(tokens_in_flight=150))
    knows.heard(room(1_000, running=("old",), whole=True), NOW_S)
    found = knows.apply(candidate(), NOW_S, 0.0)
    assert isinstance(found, Waiting)
    assert gone(knows) == []
    knows.used(("acme", "old"), 50, 50, NOW_S)
    assert gone(knows) == [found.seq]


@pytest.mark.parametrize("silent", [False, True])
def test_a_worker_that_left_takes_nothing(silent: bool) -> None:
    knows = state()
    knows.heard(room(1_000), NOW_S)
    if silent:
        knows.sweep(NOW_S + 6)
    else:
        knows.heard(room(0, gone=True), NOW_S)
    hold(knows, "r1", 1, NOW_S + 6)


def test_shares_and_buckets_outlive_a_dispatcher() -> None:
    limits = TenantLimits(tokens_per_minute=100)
    before, after = state(limits), state(limits)
    before.heard(room(1_000), NOW_S)
    before.apply(candidate(), NOW_S, 0.0)
    gone(before)
    assert after.restore(before.snapshot(NOW_S), [MODEL], NOW_S + 1)
    assert isinstance(after.apply(candidate("r2"), NOW_S + 1, 0.0), Refused)
    with pytest.raises(ValueError, match=r"."):
        after.restore(b"junk", [MODEL], NOW_S)
