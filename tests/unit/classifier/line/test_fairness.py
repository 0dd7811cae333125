"""Tenants that wait all the time are served by weight."""

import random
from collections import deque

import pytest

from tests.unit.classifier.line.fleet import TICK_S, Fleet
from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import TARIFF
from tokenlane_classifier.line.waiting import Waiting

MINUTE_S, AFTER_S = 60, 3
IN_FLIGHT = 50


class Backlogged:
    """Each tenant always has two requests waiting, of sizes of its own. Engines take less than the budget."""

    def __init__(self, tenants: int, slack: float, largest: int) -> None:
        self.line, self.random = Line(slack), random.Random(tenants)
        self.names = [f"t{number}" for number in range(tenants)]
        self.weights = {name: self.random.choice([0.5, 1.0, 2.0]) for name in self.names}
        self.sizes = {name: self.random.uniform(0.5, 1.0) * largest for name in self.names}
        self.served = dict.fromkeys(self.names, 0.0)
        self.flying: deque[Waiting] = deque()
        self.seq = 0
        for name in self.names * 2:
            self.line.weigh(name, self.weights[name])
            self.come(name, 0.0)

    def come(self, name: str, now_s: float) -> None:
        self.seq += 1
        tokens = int(self.sizes[name] * self.random.uniform(0.5, 1.0))
        limit_s = self.random.choice([0.5, 5.0])
        self.line.add(
            waiting(self.seq, name, prompt=tokens // 2, output=tokens // 4, accepted_s=now_s, limit_s=limit_s)
        )

    def done(self, one: Waiting, now_s: float) -> None:
        self.come(one.tenant, now_s)
        self.flying.append(one)
        if len(self.flying) > IN_FLIGHT:
            ended = self.flying.popleft()
            output = int(ended.output_tokens * self.random.random())
            self.line.settle(ended, ended.prompt_tokens, output)
            self.served[ended.tenant] += TARIFF.cost(ended.prompt_tokens, output) / self.weights[ended.tenant]

    def run(self, work_a_second: float) -> list[dict[str, float]]:
        """What each was served over its weight, by the second."""
        fleet = Fleet(self.line, work_a_second, self.done)
        history = []
        ticks = round(1 / TICK_S)
        for tick in range((MINUTE_S + AFTER_S) * ticks):
            if tick % ticks == 0:
                history.append(dict(self.served))
            fleet.tick(tick * TICK_S)
        return history


@pytest.mark.parametrize(
    ("tenants", "slack", "largest", "work_a_minute"),
    [(2, 8_192, 8_000, 1e6), (50, 2_048, 2_000, 2e5), (1_000, 64, 250, 14_000)],
)
def test_in_any_minute_those_that_wait_are_served_by_weight(
    tenants: int, slack: float, largest: int, work_a_minute: float
) -> None:
    backlogged = Backlogged(tenants, slack, largest)
    history = backlogged.run(work_a_minute * tenants / MINUTE_S)
    for begin, end in zip(history, history[MINUTE_S:], strict=False):
        minute = [end[name] - begin[name] for name in backlogged.names]
        mean = sum(minute) / len(minute)
        assert max(abs(served - mean) for served in minute) < 0.05 * mean
