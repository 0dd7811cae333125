"""What one replica learned, another takes over: whole, once, and never for less."""

import contextlib

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.estimate.classes import NAMES
from tokenlane_classifier.estimate.prompt import PromptEstimates, PromptSettings

_BODY = b"What a model takes for these words is learned. " * 20
_MODELS = ("a", "b", "meta-llama/Llama-3.1-8B")


def learned(observations: int, tokens: int = 400, models: tuple[str, ...] = _MODELS) -> PromptEstimates:
    estimates = PromptEstimates(PromptSettings())
    for model in models:
        for _ in range(observations):
            estimates.observe(Facts(model=model, messages=1), "latin", (40,) * len(NAMES), len(_BODY), tokens)
    return estimates


def all_of(estimates: PromptEstimates) -> list[bytes]:
    return [estimates.dump(shard) for shard in range(estimates.shards)]


def absorb_all(estimates: PromptEstimates, other: PromptEstimates) -> None:
    for shard, data in enumerate(all_of(other)):
        estimates.absorb(shard, data)


def expected(estimates: PromptEstimates, model: str = "a") -> int:
    return estimates.estimate(Facts(model=model, messages=1), _BODY, len(_BODY)).expected


def test_a_new_replica_is_warm_at_once() -> None:
    warm, new = learned(30), PromptEstimates(PromptSettings())
    absorb_all(new, warm)
    for model in _MODELS:
        assert expected(new, model) == expected(warm, model)
        assert new.ratio(model, "latin") == warm.ratio(model, "latin")
    assert all_of(new) == all_of(warm)


def test_absorbing_again_changes_nothing() -> None:
    warm, new = learned(30), learned(5, tokens=200)
    absorb_all(new, warm)
    once = all_of(new)
    absorb_all(new, warm)
    assert all_of(new) == once


def test_who_knows_more_keeps_it() -> None:
    warm = learned(30)
    before = all_of(warm)
    absorb_all(warm, learned(29, tokens=10))
    assert all_of(warm) == before


def test_both_orders_end_the_same() -> None:
    left, right = learned(30, models=("a", "b")), learned(40, tokens=200, models=("b", "c"))
    one, other = PromptEstimates(PromptSettings()), PromptEstimates(PromptSettings())
    for estimates, order in ((one, (left, right)), (other, (right, left))):
        for source in order:
            absorb_all(estimates, source)
    assert [expected(one, model) for model in "abc"] == [expected(other, model) for model in "abc"]


def test_learning_goes_on_from_a_snapshot() -> None:
    warm, new = learned(30, models=("a",)), PromptEstimates(PromptSettings())
    absorb_all(new, warm)
    for estimates in (warm, new):
        for _ in range(20):
            estimates.observe(Facts(model="a", messages=1), "latin", (40,) * len(NAMES), len(_BODY), 500)
    assert new.ratio("a", "latin").observations == 50
    assert expected(new) == pytest.approx(expected(warm), rel=0.02)


def test_memory_stays_bounded() -> None:
    small = PromptEstimates(PromptSettings(most_models=2))
    absorb_all(small, learned(3, models=tuple("abcdef")))
    assert sum(small.ratio(model, "latin").observations > 0 for model in "abcdef") == 2


def test_another_version_says_nothing() -> None:
    estimates = PromptEstimates(PromptSettings())
    estimates.absorb(0, msgspec.msgpack.encode([2, 99, {"a": "of another form"}]))
    assert all_of(estimates) == all_of(PromptEstimates(PromptSettings()))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=60))
def test_garbage_is_refused(data: bytes) -> None:
    estimates = PromptEstimates(PromptSettings())
    with contextlib.suppress(ValueError):
        estimates.absorb(0, data)
    assert all_of(estimates) == all_of(PromptEstimates(PromptSettings()))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**16), st.integers(0, 255))
def test_a_damaged_snapshot_is_refused_whole_or_read(place: int, byte: int) -> None:
    source = learned(3)
    shard, data = next((shard, data) for shard, data in enumerate(all_of(source)) if len(data) > 20)
    damaged = bytearray(data)
    damaged[place % len(damaged)] = byte
    estimates = PromptEstimates(PromptSettings())
    try:
        estimates.absorb(shard, bytes(damaged))
    except ValueError:
        assert all_of(estimates) == all_of(PromptEstimates(PromptSettings()))
    assert expected(estimates) >= 1


def test_a_model_of_another_shard_is_refused() -> None:
    source = learned(3, models=("a",))
    shard = next(shard for shard, data in enumerate(all_of(source)) if len(data) > 20)
    with pytest.raises(ValueError, match="does not belong"):
        PromptEstimates(PromptSettings()).absorb((shard + 1) % source.shards, source.dump(shard))
