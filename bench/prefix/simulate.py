"""The loop: requests arrive, go to replicas, and are answered."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.prefix.line import Rule, next_turn, take
from bench.prefix.replica import Engine, Replica
from bench.prefix.traffic import Request

# Requests that come first find idle engines: they do not count.
_WARM_UP = 0.25
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Figures:
    """`hits`: share of requests that found their system prompt. `rate`: requests finished a second, over the middle of
    the run. `kept`: share whose first token came in time."""

    hits: float
    ttft_p50_s: float
    ttft_p99_s: float
    kept: float
    rate: float


def simulate(requests: Sequence[Request], engine: Engine, replicas: int, rule: Rule) -> None:
    """Fills in what the requests tell of themselves. They are in order of arrival."""
    fleet = [Replica(engine, number) for number in range(replicas)]
    for replica in fleet:
        replica.cache.warm(1 + max(request.prefix for request in requests))
    line: list[Request] = []
    came = 0
    events: list[tuple[float, int]] = [(requests[0].arrival_s, _NOBODY)]
    while events:
        now_s, number = heapq.heappop(events)
        if number != _NOBODY:
            fleet[number].finish(now_s)
        while came < len(requests) and requests[came].arrival_s <= now_s:
            line.append(requests[came])
            came += 1
            if came < len(requests):
                heapq.heappush(events, (requests[came].arrival_s, _NOBODY))
        while (turn := next_turn(line, fleet, now_s, rule)) is not None:
            turn.replica.begin(take(line, turn), now_s)
        if line and rule.wait_s:
            _wake(events, line, now_s, rule)
        for replica in fleet:
            if not replica.busy and not replica.idle:
                heapq.heappush(events, (now_s + replica.step(), replica.number))


def figures(requests: Sequence[Request], limit_s: float) -> Figures:
    """Of a simulation that is over. `limit_s`: how long a first token may take."""
    counted = requests[int(_WARM_UP * len(requests)) :]
    ttft_s = np.array([request.first_s - request.arrival_s for request in counted])
    ends_s = np.sort([request.end_s for request in requests])
    early, late = len(ends_s) // 5, 4 * len(ends_s) // 5
    return Figures(
        hits=float(np.mean([request.hit for request in counted])),
        ttft_p50_s=float(np.quantile(ttft_s, 0.5)),
        ttft_p99_s=float(np.quantile(ttft_s, 0.99)),
        kept=float(np.mean(ttft_s <= limit_s)),
        rate=float((late - early) / (ends_s[late] - ends_s[early])),
    )


def _wake(events: list[tuple[float, int]], line: Sequence[Request], now_s: float, rule: Rule) -> None:
    """Look again when one has waited for long enough."""
    assert rule.wait_s is not None
    due = [request.passed_s + rule.wait_s for request in line[: rule.window] if request.passed_s is not None]
    later = [at_s for at_s in due if at_s > now_s]
    if later and (not events or min(later) < events[0][0]):
        heapq.heappush(events, (min(later), _NOBODY))
