"""Estimators on traffic: each request is estimated before anything of it is learned."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from bench.estimators.contenders import Estimator
from bench.estimators.requests import Asked
from bench.estimators.scoring import Score, scored

# What a request takes in the engine where learning waits for its end.
FIRST_TOKEN_MS = 500.0
TOKEN_MS = 30.0


def arrived(requests: Sequence[Asked], estimator: Estimator) -> Score:
    """In order; what came before a request is known, as if it had ended at once."""
    return scored(requests, list(_arrived(requests, estimator)))


def finished(requests: Sequence[Asked], estimator: Estimator) -> Score:
    """In order; known is what has ended before a request comes."""
    return scored(requests, list(_finished(requests, estimator)))


def held_out(requests: Sequence[Asked], estimator: Estimator) -> Score:
    """The first half is learned, the second estimated without learning from it."""
    half = len(requests) // 2
    for _ in _arrived(requests[:half], estimator):
        pass
    return scored(requests[half:], [estimator.estimate(each, each.at_ms) for each in requests[half:]])


def _arrived(requests: Sequence[Asked], estimator: Estimator) -> Iterator[tuple[int, int]]:
    for each in requests:
        yield estimator.estimate(each, each.at_ms)
        estimator.observe(each, each.at_ms)


def _finished(requests: Sequence[Asked], estimator: Estimator) -> Iterator[tuple[int, int]]:
    running: list[tuple[int, int]] = []
    for index, each in enumerate(requests):
        while running and running[0][0] <= each.at_ms:
            ended_ms, which = heappop(running)
            estimator.observe(requests[which], ended_ms)
        yield estimator.estimate(each, each.at_ms)
        heappush(running, (each.at_ms + round(FIRST_TOKEN_MS + TOKEN_MS * each.output_tokens), index))
