"""An overload settles: clients that come when they are told are let in."""

import heapq
import random

import pytest

from tests.unit.classifier.line.fleet import SHORT
from tests.unit.classifier.line.requests import waiting
from tokenlane_classifier.line.backlog import Spot
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.outlook import Coming, Outlook
from tokenlane_classifier.line.waiting import Priority

RATE, MEAN, TICK_S = 10_000.0, 200.0, 0.05
CALM_S, OVERLOAD_S, END_S = 60.0, 120.0, 1_500.0
PATIENCE_S = 4.0


class Overload:
    """Clients in the time of a test: as much work as the fleet does, then three times as much, then little. Of those
    that are refused, this part comes again when told; each up to a second late."""

    def __init__(self, tenants: int, obedient: float, seed: int) -> None:
        self.outlook, self.random = Outlook(), random.Random(seed)
        self.tenants, self.obedient = tenants, obedient
        self.line, self.spots = Line(2_048), dict[int, Spot]()
        self.returns: list[tuple[float, Coming]] = []
        self.waits: list[float] = []
        self.first_time = self.let_in = self.refused = 0
        self.busy = self.room = 0.0

    def offered(self, now_s: float) -> float:
        if now_s < CALM_S:
            return 1.05
        return 3.0 if now_s < CALM_S + OVERLOAD_S else 0.3

    def come(self, request: Coming, now_s: float) -> bool:
        verdict = self.outlook.refuse(request, now_s, self.random.random())
        if verdict is None:
            spot = self.outlook.enter(request.tenant, request.priority, request.work, request.weight, now_s)
            self.spots[int(request.key)] = spot
            self.line.add(
                waiting(
                    int(request.key),
                    request.tenant,
                    prompt=int(request.work),
                    output=0,
                    accepted_s=now_s,
                    limit_s=PATIENCE_S,
                )
            )
            return True
        assert verdict.retry_after_ms is not None
        self.refused += 1
        if self.random.random() < self.obedient:
            told_s = now_s + verdict.retry_after_ms / 1_000 + self.random.random()
            heapq.heappush(self.returns, (told_s, request))
        return False

    def serve(self, now_s: float) -> None:
        self.room += RATE * TICK_S
        while self.room > 0 and (found := self.line.next(now_s, {SHORT})) is not None:
            spot = self.spots.pop(self.line.release(found.seq).seq)
            self.room -= spot.work
            self.outlook.leave(spot, True, now_s)
            self.waits.append(now_s - found.accepted_s)
            if CALM_S <= now_s < CALM_S + OVERLOAD_S:
                self.busy += spot.work
        self.room = min(self.room, 0.0)

    def run(self) -> None:
        number = 0
        for tick in range(round(END_S / TICK_S)):
            now_s = tick * TICK_S
            while self.returns and self.returns[0][0] <= now_s:
                self.first_time += 1
                self.let_in += self.come(heapq.heappop(self.returns)[1], now_s)
            due = self.offered(now_s) * RATE * TICK_S / MEAN
            for _ in range(int(due) + (self.random.random() < due % 1)):
                number += 1
                tenant = f"t{int(self.tenants * self.random.random() ** 3)}"
                work = self.random.uniform(0.1, 1.9) * MEAN
                self.come(Coming(f"{number:09}", tenant, Priority.STANDARD, work, 1.0, PATIENCE_S), now_s)
            self.serve(now_s)


@pytest.mark.parametrize(("tenants", "obedient"), [(1, 1.0), (20, 1.0), (20, 0.5), (500, 1.0)])
def test_more_than_95_percent_of_those_that_come_when_told_are_let_in(tenants: int, obedient: float) -> None:
    overload = Overload(tenants, obedient, 1)
    overload.run()
    assert overload.first_time > 4_000
    assert not overload.returns
    assert overload.let_in > 0.98 * overload.first_time
    # Places are kept for those who come, and what is left of the fleet is not.
    assert overload.busy > 0.98 * RATE * OVERLOAD_S
    in_time = sum(wait <= PATIENCE_S for wait in overload.waits)
    assert in_time > 0.95 * len(overload.waits)


def test_where_nobody_comes_again_the_fleet_is_busy_all_the_same() -> None:
    overload = Overload(20, 0.0, 1)
    overload.run()
    assert overload.busy > 0.98 * RATE * OVERLOAD_S
