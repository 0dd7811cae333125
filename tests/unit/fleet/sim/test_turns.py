"""Queues by turns against a brute-force model: engines that run one request at a time, lists searched from end to end.

The model shares no code with the simulator, but for the time that a request takes alone.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.fleet.sim.fleets import fleet, limits, pool, trace
from tokenlane_fleet import FleetError
from tokenlane_fleet.kernel.seconds import seconds
from tokenlane_fleet.sim.fleet import Bind, Fleet, Order, Pull, Steal
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.trace import Trace

STEP_TOKENS, CHUNK = 64, 48
ENGINE = limits(max_num_seqs=1, max_num_batched_tokens=STEP_TOKENS, long_prefill_token_threshold=CHUNK)
BOUNDARY = 60
ROWS = st.lists(
    st.tuples(st.floats(0, 4), st.integers(1, 150), st.integers(1, 30)),
    min_size=1,
    max_size=30,
    unique_by=lambda r: r[0],
)
HELPS: dict[Steal, dict[int, tuple[int, ...]]] = {
    Steal.NEVER: {0: (), 1: ()},
    Steal.MOST_URGENT: {0: (1,), 1: (0,)},
    Steal.LONGER: {0: (1,), 1: ()},
}
LIMITS = st.lists(st.floats(0.05, 3.0), min_size=30, max_size=30)


def rules(steal: Steal, patience: float, patience_s: float, help_tokens: int = 0) -> Pull:
    return Pull(
        order=Order.DUE,
        late_last=True,
        steal=steal,
        bind=Bind.LEAST_LOADED,
        whole_prompts=True,
        patience=patience,
        patience_s=patience_s,
        chunked_prefill=True,
        help_tokens=help_tokens,
    )


def two_lanes(dispatch: Pull) -> Fleet:
    return fleet(pool(1, "short", BOUNDARY, ENGINE), pool(1, "long", None, ENGINE), dispatch=dispatch)


def one_lane(dispatch: Pull) -> Fleet:
    return fleet(pool(1, engine=ENGINE), dispatch=dispatch)


def alone_s(requests: Trace) -> list[float]:
    """What each takes from its start to its end."""
    each = [trace([(0.0, int(p), int(o))]) for p, o in zip(requests.prompt_tokens, requests.output_tokens, strict=True)]
    return [float(simulate(one, fleet(pool(engine=ENGINE))).finished_s[0]) for one in each]


@dataclass
class Model:
    """One worker a lane. `waiting` of each lane: numbers of requests. `again`: turns of those that stepped back."""

    requests: Trace
    due: list[float]
    patience: list[float]
    lane_of: list[int]
    takes_s: list[float]
    helps: dict[int, tuple[int, ...]]
    help_tokens: int
    again: dict[int, float] = field(default_factory=dict)

    def run(self) -> list[float]:
        """When each ends."""
        count = len(self.requests)
        waiting: list[list[int]] = [[] for _ in self.helps]
        free_s: list[float | None] = [None for _ in self.helps]
        running = [-1 for _ in self.helps]
        ends, coming = [math.nan] * count, list(range(count))
        while coming or any(at is not None for at in free_s):
            arrives = float(self.requests.arrival_s[coming[0]]) if coming else math.inf
            ended, worker = min(((at, w) for w, at in enumerate(free_s) if at is not None), default=(math.inf, -1))
            now = min(arrives, ended)
            if arrives <= ended:
                waiting[self.lane_of[coming[0]]].append(coming.pop(0))
            else:
                ends[running[worker]], free_s[worker] = now, None
            for lane in range(len(waiting)):
                self.step_back(waiting[lane], now)
            while (pair := self.pair(waiting, free_s)) is not None:
                lane, taker = pair
                item = min(waiting[lane], key=self.turn)
                waiting[lane].remove(item)
                running[taker], free_s[taker] = item, now + self.takes_s[item]
                self.step_back(waiting[lane], now)
        return ends

    def turn(self, item: int) -> tuple[float, int]:
        return (self.again.get(item, self.due[item]), item)

    def step_back(self, lane: list[int], now: float) -> None:
        while lane:
            first = min(lane, key=self.turn)
            if first in self.again or now + self.prefill_s(first) <= self.due[first]:
                return
            self.again[first] = self.due[first] + self.patience[first]

    def prefill_s(self, item: int) -> float:
        full = seconds(pool().cost, STEP_TOKENS, 0, 1, 0, 0)
        return float(self.requests.prompt_tokens[item]) * (full / CHUNK)

    def pair(self, waiting: list[list[int]], free_s: list[float | None]) -> tuple[int, int] | None:
        """The lane whose head comes first of those that a free worker serves, and the worker: its own if free."""
        heads = sorted((self.turn(min(lane, key=self.turn)), number) for number, lane in enumerate(waiting) if lane)
        for _, lane in heads:
            item = min(waiting[lane], key=self.turn)
            may = not self.help_tokens or self.requests.prompt_tokens[item] <= self.help_tokens
            free = [w for w, at in enumerate(free_s) if at is None and (w == lane or (may and lane in self.helps[w]))]
            if free:
                return lane, lane if lane in free else free[0]
        return None


@settings(deadline=None, max_examples=60)
@given(
    ROWS,
    LIMITS,
    st.sampled_from([Steal.NEVER, Steal.MOST_URGENT, Steal.LONGER]),
    st.sampled_from([(4.0, 20.0), (2.0, 1.0), (math.inf, 0.5), (math.inf, math.inf)]),
    st.sampled_from([0, 70]),
)
def test_the_simulator_takes_what_brute_force_takes(
    rows: list[tuple[float, int, int]], limit: list[float], steal: Steal, patience: tuple[float, float], most: int
) -> None:
    requests = trace(rows)
    limit_s = np.array(limit[: len(requests)])
    result = simulate(requests, two_lanes(rules(steal, *patience, most)), ttft_limit_s=limit_s)
    model = Model(
        requests,
        due=(requests.arrival_s + limit_s).tolist(),
        patience=[min(patience[0] * each, patience[1], 1e12) for each in limit_s.tolist()],
        lane_of=[int(total > BOUNDARY) for total in requests.total_tokens],
        takes_s=alone_s(requests),
        helps=HELPS[steal],
        help_tokens=most,
    )
    assert result.finished_s == pytest.approx(model.run(), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(ROWS, LIMITS)
def test_nothing_that_is_due_after_its_second_turn_begins_before_it(
    rows: list[tuple[float, int, int]], limit: list[float]
) -> None:
    requests = trace(rows)
    limit_s = np.array(limit[: len(requests)])
    result = simulate(requests, one_lane(rules(Steal.NEVER, 2.0, 1.0)), ttft_limit_s=limit_s)
    began = result.finished_s - np.array(alone_s(requests))
    due = requests.arrival_s + limit_s
    latest = due + np.minimum(2.0 * limit_s, 1.0)
    for item in range(len(requests)):
        overtook = (requests.arrival_s > requests.arrival_s[item]) & (began < began[item] - 1e-6)
        assert (due[overtook] <= latest[item] + 1e-6).all()


def test_a_short_lane_may_help_the_long_one_and_not_the_other_way() -> None:
    shorts, longs = [(0.001 * n, 20, 20) for n in range(8)], [(0.0005 + 0.001 * n, 100, 20) for n in range(8)]
    for rows, there in ((shorts, {0}), (longs, {0, 1})):
        result = simulate(trace(rows), two_lanes(rules(Steal.LONGER, 4.0, 20.0)), ttft_limit_s=np.full(len(rows), 9.0))
        assert set(result.pool) == there


def test_lanes_have_their_own_caps_and_credit() -> None:
    requests = trace([(0.0, 20, 10)] * 4 + [(0.0, 100, 10)] * 4)
    engine = limits(num_blocks=200, max_num_seqs=8)
    dispatch = Pull(order=Order.DUE, whole_prompts=True, bind=Bind.LEAST_LOADED)
    lanes = fleet(pool(1, "short", 60, engine), pool(1, "long", None, engine), dispatch=dispatch)
    free = simulate(requests, lanes)
    narrow = Fleet((lanes.pools[0], type(lanes.pools[1])("long", engine, lanes.pools[1].cost, 1, None, 100)), dispatch)
    capped = simulate(requests, narrow)
    assert (capped.finished_s[:4] == free.finished_s[:4]).all()
    assert capped.first_token_s[4] < free.first_token_s[4:].max()


def test_patience_must_be_some() -> None:
    with pytest.raises(FleetError, match="patience"):
        Pull(patience=0.0)
