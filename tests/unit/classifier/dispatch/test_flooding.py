"""A tenant that floods leaves room for others, as soon as it does and as long as others are there."""

import pytest

from tests.unit.classifier.dispatch.given import NOW_S, candidate, gone, hold, room, state
from tokenlane.v1.line_pb2 import QueueRoom, Room
from tokenlane.v1.request_pb2 import PRIORITY_BATCH
from tokenlane_classifier.dispatch.state import State


def busy(prefill_tokens: int, taken: int = 0) -> Room:
    """A worker with room for many requests, of which who floods leaves 3,600 prompt tokens of 4,000."""
    told = room(100_000, taken=taken)
    told.queues[0].MergeFrom(QueueRoom(prefill_tokens=prefill_tokens, flood_reserve_prefill_tokens=3_600))
    return told


def flooded(others: int = 1) -> State:
    """Others have a request each in the engine, and one tenant has ten that wait."""
    knows = state()
    knows.heard(busy(4_000), NOW_S)
    for number in range(others):
        knows.apply(candidate(f"o{number}", tenant=f"t{number}"), NOW_S, 0.0)
        gone(knows)
    knows.heard(busy(0, taken=others), NOW_S)
    for seq in range(1, 11):
        hold(knows, f"r{seq}", seq)
    return knows


def test_it_fills_what_is_left_of_a_step() -> None:
    knows = flooded()
    knows.heard(busy(3_500), NOW_S)
    assert gone(knows) == []
    knows.heard(busy(3_700), NOW_S)
    assert gone(knows) == [1, 2], "of 60 tokens each, where 100 are left"


def test_who_comes_beside_it_goes_at_once() -> None:
    knows = flooded()
    knows.heard(busy(3_500), NOW_S)
    found = knows.apply(candidate("new", tenant="t9"), NOW_S, 0.0)
    assert found is not None
    assert gone(knows) == [found.seq]  # type: ignore[union-attr]


def test_alone_it_takes_all() -> None:
    knows = flooded(others=0)
    knows.heard(busy(3_500), NOW_S)
    assert gone(knows) == list(range(1, 11))


@pytest.mark.parametrize("ended", ["used", "lost"])
def test_when_the_others_have_gone_it_takes_all(ended: str) -> None:
    knows = flooded()
    if ended == "used":
        knows.used(("t0", "o0"), 60, 40, NOW_S)
    else:
        knows.sweep(NOW_S + 6)
    knows.heard(busy(3_500), NOW_S)
    assert gone(knows) == list(range(1, 11))


def test_batch_of_many_does_not_make_its_tenant_one_that_floods() -> None:
    knows = flooded(others=0)
    for seq in range(11, 31):
        hold(knows, f"b{seq}", seq, tenant="t0", priority=PRIORITY_BATCH)
    hold(knows, "n", 31, tenant="t0")
    knows.heard(busy(3_500), NOW_S)
    assert 31 in gone(knows)
