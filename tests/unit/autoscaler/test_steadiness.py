"""Hours of a lane under a fake clock: the whole loop of backlog, throughput and policy settles and stays."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_autoscaler.policy import LaneState, Lower, PolicySettings, decide
from tokenlane_autoscaler.throughput import Sample, Throughput

STEP_S = 5.0
POLICY = PolicySettings(target_drain_s=30, min_replicas=0, max_replicas=50, cooldown_s=120, scale_up_factor=4)
Load = Callable[[float], float]


@dataclass
class Lane:
    """Work as a fluid: `load(t)` tokens arrive a second, a live replica finishes up to `rate` of them, and each stays
    `latency_s` with its worker. A new replica is live after `start_s`."""

    load: Load
    rate: float
    latency_s: float
    start_s: float
    guess: float
    replicas: int = 1
    waiting: float = 0
    finished: float = 0
    history: list[int] = field(default_factory=list)

    def run(self, seconds: float) -> "Lane":
        throughput, lower = Throughput(self.guess), None
        live, starting = self.replicas, list[tuple[float, int]]()
        now = 0.0
        while now < seconds:
            while starting and starting[0][0] <= now:
                live = starting.pop(0)[1]
            live = min(live, self.replicas)
            served = min(self.waiting + self.load(now) * STEP_S, live * self.rate * STEP_S)
            self.waiting += self.load(now) * STEP_S - served
            self.finished += served
            now += STEP_S
            throughput = throughput.sampled(
                Sample(now, self.finished, self.finished, self.waiting > 0, self.replicas), 60, POLICY.cooldown_s
            )
            lower = self._scale(throughput, lower, served / STEP_S, now)
            if self.replicas > (self.history or [live])[-1]:
                starting.append((now + self.start_s, self.replicas))
            self.history.append(self.replicas)
        return self

    def _scale(self, throughput: Throughput, lower: Lower | None, served: float, now: float) -> Lower | None:
        running = served * self.latency_s
        state = LaneState(
            replicas=self.replicas,
            waiting_tokens=self.waiting,
            running_tokens=running,
            running_replicas=running / (self.rate * self.latency_s * 1.2),
            load_tokens_per_s=throughput.load_tokens_per_s,
            replica_tokens_per_s=throughput.replica_tokens_per_s,
            lower=lower,
        )
        decision = decide(state, POLICY, now)
        self.replicas = decision.replicas
        return decision.lower

    def changes(self, of_last: float) -> int:
        """How often the number changed in the last part of the run."""
        tail = self.history[int(len(self.history) * (1 - of_last)) :]
        return sum(before != after for before, after in pairwise(tail))


@settings(deadline=None, max_examples=80)
@given(
    replicas_needed=st.integers(1, 20),
    spare=st.floats(0, 0.8),
    rate=st.floats(50, 20_000),
    latency_s=st.floats(0.5, 120),
    start_s=st.floats(0, 90),
    guess_error=st.floats(0.25, 4),
    start=st.integers(0, 30),
)
def test_constant_load_comes_to_rest(
    replicas_needed: int, spare: float, rate: float, latency_s: float, start_s: float, guess_error: float, start: int
) -> None:
    # A load barely over what one replica fewer does takes hours to show; `spare` keeps away from that.
    load = (replicas_needed - spare) * rate
    lane = Lane(lambda _: load, rate, latency_s, start_s, rate * guess_error, start)
    lane.run(4 * 3_600)
    assert lane.changes(of_last=0.5) == 0
    assert lane.replicas >= replicas_needed
    assert lane.waiting <= POLICY.target_drain_s * lane.replicas * rate * 1.2


def test_without_traffic_it_goes_to_the_minimum_and_stays() -> None:
    lane = Lane(lambda _: 0, 1_000, 5, 60, 1_000, replicas=7).run(3_600)
    assert lane.replicas == 0
    assert lane.changes(of_last=0.9) == 0


def test_a_burst_is_answered_and_then_let_go() -> None:
    lane = Lane(lambda now: 9_000 if 600 <= now < 1_200 else 500, 1_000, 5, 30, 1_000).run(3_600)
    burst = lane.history[int(600 / STEP_S) : int(1_200 / STEP_S)]
    assert max(burst) >= 9
    assert lane.replicas == 1
    assert lane.waiting == 0


@pytest.mark.parametrize("period_s", [20, 60, 90])
def test_waves_shorter_than_the_cool_down_do_not_move_it(period_s: int) -> None:
    lane = Lane(lambda now: 4_000 if now % period_s < period_s / 2 else 1_000, 1_000, 5, 10, 1_000, replicas=4)
    lane.run(3 * 3_600)
    assert lane.changes(of_last=0.5) == 0
