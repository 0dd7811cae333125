"""The order is the one found by looking at everything."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.classifier.line.reference import Reference
from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import TARIFF, aged_s, rank_s
from tokenlane_classifier.line.waiting import Place, Priority, Waiting

SLACK = 512.0
PLACES = [Place("short", "short"), Place("short", "long"), Place("long", "long")]
TENANTS = st.sampled_from("abcd")
ADD = st.builds(
    waiting,
    seq=st.just(0),
    tenant=TENANTS,
    lane=st.sampled_from(["short", "long"]),
    fits=st.just("long"),
    priority=st.sampled_from(Priority),
    prompt=st.integers(0, 1_000),
    output=st.integers(0, 500),
    limit_s=st.sampled_from([0.0, 0.5, 2.0]),
    prefill_s=st.sampled_from([0.0, 0.3]),
    deadline_s=st.none() | st.integers(1, 20).map(float),
)
ROOM = st.frozensets(st.sampled_from(PLACES))
STEPS = st.one_of(
    st.tuples(st.just("add"), ADD),
    st.tuples(st.just("next"), st.tuples(ROOM, ROOM)),
    st.tuples(st.just("next"), st.just((frozenset(PLACES), frozenset(PLACES)))),
    st.tuples(st.just("pass"), st.sampled_from([0.1, 0.5, 3.0])),
    st.tuples(st.just("remove"), st.integers(0, 30)),
    st.tuples(st.just("settle"), st.tuples(st.integers(0, 500), st.integers(0, 500))),
    st.tuples(st.just("park"), TENANTS),
    st.tuples(st.just("unpark"), TENANTS),
)


class Both:
    """A line and its reference, which must agree."""

    def __init__(self) -> None:
        self.line, self.reference = Line(SLACK), Reference(SLACK)
        self.now_s, self.seq = 0.0, 0
        self.released: list[Waiting] = []
        self.line.weigh("b", 2.0)
        self.reference.weights["b"] = 2.0

    def add(self, one: Waiting) -> None:
        self.seq += 1
        deadline_s = None if one.deadline_s is None else self.now_s + one.deadline_s
        one = replace(one, seq=self.seq, accepted_s=self.now_s, deadline_s=deadline_s)
        self.line.add(one)
        self.line.add(one)
        self.reference.add(one)

    def next(self, places: tuple[frozenset[Place], frozenset[Place]]) -> None:
        room, idle = places
        found = self.line.next(self.now_s, room, idle)
        assert found == self.reference.next(self.now_s, room, idle)
        if found is not None:
            assert self.line.release(found.seq) is self.reference.release(found.seq)
            self.released.append(found)

    def pass_(self, seconds: float) -> None:
        self.now_s += seconds
        late = [one.seq for one in self.reference.waiting.values() if (one.deadline_s or 1e9) <= self.now_s]
        assert sorted(one.seq for one in self.line.expired(self.now_s)) == late
        for seq in late:
            self.reference.remove(seq)

    def remove(self, seq: int) -> None:
        assert self.line.remove(seq) == self.reference.remove(seq)

    def settle(self, took: tuple[int, int]) -> None:
        if self.released:
            one = self.released.pop()
            self.line.settle(one, *took)
            self.reference.settle(one, *took)

    def park(self, tenant: str) -> None:
        self.line.park(tenant)
        self.reference.parked.add(tenant)

    def unpark(self, tenant: str) -> None:
        self.line.unpark(tenant)
        self.reference.unpark(tenant)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=60))
def test_the_order_is_the_one_found_by_looking_at_everything(steps: list[tuple[str, object]]) -> None:
    both = Both()
    for name, argument in steps:
        getattr(both, "pass_" if name == "pass" else name)(argument)
        assert len(both.line) == len(both.reference.waiting)
        assert all(seq in both.line for seq in both.reference.waiting)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | ADD, max_size=80))
def test_levels_of_those_that_wait_stay_near_each_other(steps: list[Waiting | None]) -> None:
    line, costs = Line(SLACK), [0.0]
    for seq, one in enumerate(steps):
        if one is not None:
            line.add(replace(one, seq=seq))
        elif (found := line.next(float(seq), PLACES, PLACES)) is not None:
            costs.append(TARIFF.of(line.release(found.seq)))
        for tier in line.tiers.values():
            for queue in tier.queues.values():
                levels = [queue.level(each.tenant) for each in queue]
                assert not levels or max(levels) - min(levels) <= SLACK * 9 / 8 + max(costs)


def drained(line: Line, now_s: float) -> list[int]:
    order = []
    while (found := line.next(now_s, PLACES, PLACES)) is not None:
        order.append(line.release(found.seq).seq)
    return order


@settings(max_examples=100, deadline=None)
@given(st.lists(ADD, max_size=30), st.floats(0, 20), ROOM)
def test_while_something_waits_where_there_is_room_something_goes(
    many: list[Waiting], now_s: float, room: frozenset[Place]
) -> None:
    line = Line(SLACK)
    for seq, one in enumerate(many):
        line.add(replace(one, seq=seq))
    gone = 0
    while (found := line.next(now_s, room, room)) is not None:
        assert line.release(found.seq).place in room
        gone += 1
    assert gone == sum(one.place in room for one in many)


def test_a_higher_priority_goes_first() -> None:
    line = Line()
    for seq, priority in enumerate((Priority.BATCH, Priority.STANDARD, Priority.INTERACTIVE)):
        line.add(waiting(seq, priority=priority))
    assert drained(line, 0.5) == [2, 1, 0]


def test_batch_takes_only_idle_room() -> None:
    line = Line()
    line.add(waiting(1, priority=Priority.BATCH))
    assert line.next(0.0, {Place("short", "short")}) is None
    assert line.next(0.0, {Place("short", "short")}, {Place("long", "long")}) is None
    assert line.next(0.0, (), {Place("short", "short")}) is not None


def test_among_equals_the_earliest_due_goes_first_and_who_is_late_steps_back() -> None:
    line = Line()
    line.add(waiting(1, "a", limit_s=1.0))
    line.add(waiting(2, "b", limit_s=4.0))
    line.add(waiting(3, "c", limit_s=4.0, prefill_s=1.5))
    line.add(waiting(4, "d", limit_s=20.0))
    assert drained(line, 2.0) == [2, 3, 1, 4]


@given(st.floats(0, 100), st.floats(0.1, 50), st.floats(0, 5), st.floats(0, 500), st.floats(0.1, 50))
def test_from_its_aged_time_on_nothing_new_goes_before_a_late_request(
    accepted_s: float, limit_s: float, prefill_s: float, later_s: float, other_limit_s: float
) -> None:
    late = waiting(1, accepted_s=accepted_s, limit_s=limit_s, prefill_s=prefill_s)
    now_s = aged_s(late) + later_s
    # What can still make it does not rank before now; what can not, since it came with too little time, neither.
    on_time = waiting(2, accepted_s=now_s, limit_s=other_limit_s)
    hopeless = waiting(3, accepted_s=now_s, limit_s=other_limit_s, prefill_s=other_limit_s + 1)
    assert rank_s(late, now_s) <= min(rank_s(on_time, now_s), rank_s(hopeless, now_s))


@given(ADD, st.lists(st.floats(0, 50)))
def test_a_rank_never_falls(one: Waiting, times: list[float]) -> None:
    ranks = [rank_s(one, now_s) for now_s in sorted(times)]
    assert ranks == sorted(ranks)


def test_what_is_put_back_goes_again() -> None:
    line = Line()
    line.add(waiting(1))
    gone = line.release(1)
    assert line.next(0.0, PLACES) is None
    line.settle(gone, 0, 0)
    line.add(gone)
    assert line.next(9.0, PLACES) is gone


def test_a_parked_tenant_waits_and_holds_nobody_up() -> None:
    line = Line()
    line.add(waiting(1, "a"))
    line.add(waiting(2, "b", accepted_s=0.1))
    line.park("a")
    assert drained(line, 0.2) == [2]
    line.add(waiting(3, "a", accepted_s=0.3))
    assert line.next(0.3, PLACES) is None
    line.unpark("a")
    assert drained(line, 0.4) == [1, 3]
