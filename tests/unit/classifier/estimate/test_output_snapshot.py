"""What one replica dumps another absorbs: idempotently, keeping what has more evidence, and nothing of garbage."""

import contextlib
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenlane_classifier.estimate.output import DEFAULT, OutputEstimates, OutputSettings
from tokenlane_classifier.estimate.route import Route

NOW = 1_700_000_000_000
ROUTES = [Route(f"tenant-{n % 3}", "llama", 1, 2**64 - 1 - n, n % 2, 0 if n % 2 else 500) for n in range(12)]
SETTINGS = OutputSettings()


def taught(rounds: int, seed: int) -> OutputEstimates:
    """So many observations of each route."""
    known, rng = OutputEstimates(SETTINGS), random.Random(seed)
    for index in range(rounds):
        for number, route in enumerate(ROUTES):
            known.observe(route, rng.randint(100, 2_000), 10 * (number + 1) + rng.randint(0, 9), NOW + index * 1_000)
    return known


def dumped(known: OutputEstimates) -> list[bytes]:
    """All shards."""
    return [known.dump(shard) for shard in range(known.shards)]


def absorb(known: OutputEstimates, shards: list[bytes]) -> None:
    """All of them."""
    for shard, data in enumerate(shards):
        known.absorb(shard, data)


def answers(known: OutputEstimates) -> list[tuple[int, int]]:
    """Of all routes."""
    return [known.estimate(route, 700, NOW + 100_000)[:2] for route in ROUTES]


def test_a_new_replica_answers_as_the_old_one() -> None:
    old, new = taught(60, 1), OutputEstimates(SETTINGS)
    absorb(new, dumped(old))
    assert len(new) == len(old)
    assert answers(new) == answers(old)
    assert all(new.estimate(route, 700, NOW).level != DEFAULT for route in ROUTES)


def test_absorbing_again_changes_nothing() -> None:
    old, new = taught(40, 1), OutputEstimates(SETTINGS)
    absorb(new, dumped(old))
    once = dumped(new)
    absorb(new, dumped(old))
    absorb(new, once)
    assert dumped(new) == once


def test_the_order_does_not_matter_where_evidence_differs() -> None:
    little, much = dumped(taught(10, 1)), dumped(taught(60, 2))
    first, second = OutputEstimates(SETTINGS), OutputEstimates(SETTINGS)
    for known, order in ((first, (little, much)), (second, (much, little))):
        for shards in order:
            absorb(known, shards)
    assert answers(first) == answers(second)


def test_a_cold_replica_s_snapshot_takes_nothing_away() -> None:
    warm = taught(60, 1)
    before = answers(warm)
    absorb(warm, dumped(taught(2, 9)))
    absorb(warm, dumped(OutputEstimates(SETTINGS)))
    assert answers(warm) == before


def test_a_snapshot_larger_than_memory_is_cut() -> None:
    small = OutputEstimates(OutputSettings(most_keys=20))
    absorb(small, dumped(taught(60, 1)))
    assert 0 < len(small) <= 20


def test_another_version_or_shard_is_refused() -> None:
    known = taught(30, 1)
    shards = dumped(known)
    full = max(range(known.shards), key=lambda shard: len(shards[shard]))
    with pytest.raises(ValueError, match="wrong entry"):
        known.absorb((full + 1) % known.shards, shards[full])
    version, *rest = msgspec.msgpack.decode(shards[full])
    with pytest.raises(ValueError, match="version"):
        known.absorb(full, msgspec.msgpack.encode([version + 1, *rest]))


@given(st.binary(max_size=200), st.integers(0, 31))
def test_garbage_is_refused(data: bytes, shard: int) -> None:
    with pytest.raises(ValueError, match="snapshot"):
        OutputEstimates(SETTINGS).absorb(shard, data)


SHARDS = dumped(taught(30, 1))
FULL = max(range(len(SHARDS)), key=lambda shard: len(SHARDS[shard]))


@settings(max_examples=50)
@given(st.integers(0, len(SHARDS[FULL]) - 1), st.integers(0, 255))
def test_a_damaged_snapshot_is_refused_or_harmless(at: int, byte: int) -> None:
    known = OutputEstimates(SETTINGS)
    absorb(known, SHARDS)
    with contextlib.suppress(ValueError):
        known.absorb(FULL, SHARDS[FULL][:at] + bytes([byte]) + SHARDS[FULL][at + 1 :])
    for tokens, typical in answers(known):
        assert 1 <= typical <= tokens
    known.observe(ROUTES[0], 700, 5, NOW)
