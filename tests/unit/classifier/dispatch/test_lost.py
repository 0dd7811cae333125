"""Limits while workers are killed: what was lost comes again."""

from tests.unit.classifier.dispatch.given import NOW_S, candidate, gone, hold, room, state
from tokenlane_classifier.dispatch.state import State
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_classifier.line.waiting import Waiting


def with_one_running(worker: str = "w") -> State:
    """Of a tenant that may have 150 tokens in flight, `r1` runs since a second and `r2` waits."""
    knows = state(TenantLimits(tokens_in_flight=150, tokens_per_minute=1_000))
    knows.heard(room(10_000, worker), NOW_S)
    assert isinstance(knows.apply(candidate(), NOW_S, 0.0), Waiting)
    gone(knows)
    hold(knows, "r2", 2)
    knows.heard(room(10_000, worker, taken=1, running=("r1",), whole=True), NOW_S + 1)
    return knows


def speaks(knows: State, now_s: float, *running: str) -> None:
    knows.heard(room(10_000, "other", running=running, whole=True), now_s)


def test_what_a_lost_worker_had_counts_until_another_one_has_it() -> None:
    knows = with_one_running()
    for second in range(2, 11):
        speaks(knows, NOW_S + second)
        knows.sweep(NOW_S + second)
        assert gone(knows, NOW_S + second) == [], second
    speaks(knows, NOW_S + 11, "r1")
    knows.sweep(NOW_S + 11)
    assert gone(knows, NOW_S + 11) == []
    assert (knows.accounts.usage("acme").in_flight, knows.accounts.usage("acme").lost) == (100, 0)
    knows.used(("acme", "r1"), 60, 40, NOW_S + 12)
    assert gone(knows, NOW_S + 12) == [2]


def test_it_counts_no_more_if_it_does_not_come_again() -> None:
    knows = with_one_running()
    speaks(knows, NOW_S + 15)
    knows.sweep(NOW_S + 7)
    knows.sweep(NOW_S + 15)
    assert gone(knows, NOW_S + 15) == []
    knows.sweep(NOW_S + 17)
    assert gone(knows, NOW_S + 17) == [2]
    assert knows.accounts.usage("acme").lost == 0


def test_it_counts_no_more_once_it_ended_after_all() -> None:
    knows = with_one_running()
    knows.sweep(NOW_S + 7)
    speaks(knows, NOW_S + 7)
    left = knows.accounts.buckets(NOW_S + 7)["acme"]
    knows.used(("acme", "r1"), 20, 0, NOW_S + 7)
    assert gone(knows, NOW_S + 7) == [2]
    assert left - knows.accounts.buckets(NOW_S + 7)["acme"] == 80, "what it did not take comes back"


def test_what_its_worker_ended_counts_no_more_than_before() -> None:
    knows = with_one_running()
    for second in range(2, 8):
        knows.heard(room(10_000, whole=True), NOW_S + second)
        knows.sweep(NOW_S + second)
    assert gone(knows, NOW_S + 7) == [2]


def test_what_was_lost_and_is_asked_about_again_goes_on() -> None:
    knows = with_one_running()
    knows.sweep(NOW_S + 7)
    assert knows.apply(candidate(), NOW_S + 7, 0.0) is None
    assert knows.accounts.usage("acme").queued == 1


def test_on_a_busy_lane_what_nobody_named_is_not_in_flight_for_ever() -> None:
    knows = state(TenantLimits(tokens_in_flight=150))
    knows.heard(room(10_000), NOW_S)
    knows.apply(candidate(), NOW_S, 0.0)
    gone(knows)
    for second in range(1, 25):
        # There is always something on its way, of somebody else.
        knows.apply(candidate(f"o{second}", tenant="other"), NOW_S + second, 0.0)
        gone(knows, NOW_S + second)
        knows.heard(room(10_000, taken=1, whole=True), NOW_S + second)
        knows.sweep(NOW_S + second)
    assert knows.accounts.usage("acme").in_flight == 0
    assert knows.accounts.usage("acme").lost == 0


def test_with_what_is_served_the_slack_becomes_less() -> None:
    knows, now_s = state(), NOW_S
    for number in range(1, 61):
        hold(knows, f"r{number}", number, tenant=f"t{(number - 1) // 20}")
    served = []
    for _ in range(45):
        now_s += 0.1
        knows.heard(room(100), now_s)
        served += gone(knows, now_s)
        knows.heard(room(0, taken=1), now_s)
        knows.sweep(now_s)
    assert served[:5] == [1, 2, 3, 4, 5], "all are equals while it is not known how much that is"
    counts = [sum(number // 20 == tenant for number in (one - 1 for one in served[15:])) for tenant in range(3)]
    assert max(counts) - min(counts) <= 2
