"""Counters and buckets survive a restart."""

import pytest

from tests.unit.classifier.line.requests import MODEL, waiting
from tokenlane_classifier.line.limits import Accounts, Ask, TenantLimits
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.snapshot import encode, restore
from tokenlane_classifier.line.waiting import Place

SHORT = Place("short", "short")
NOW_MS = 1_700_000_000_000


def fresh() -> tuple[Line, Accounts]:
    return Line(1_024), Accounts(lambda tenant: TenantLimits(tokens_per_minute=600))


def served(line: Line, tenant: str, times: int) -> None:
    for seq in range(times):
        line.add(waiting(seq, tenant))
        line.release(seq)


def turns(line: Line, count: int) -> list[str]:
    """Whose turn it is, of two that always wait."""
    for seq in range(count):
        line.add(waiting(1_000 + seq, "a", accepted_s=0.0))
        line.add(waiting(2_000 + seq, "b", accepted_s=1.0))
    found: list[str] = []
    while len(found) < count and (one := line.next(0.0, {SHORT})) is not None:
        found.append(line.release(one.seq).tenant)
    return found


def written() -> bytes:
    line, accounts = fresh()
    served(line, "b", 1)
    served(line, "a", 50)
    accounts.admit("a", Ask(500, 0), 0.0)
    return encode({MODEL: line, "gone": Line()}, accounts, 0.0, NOW_MS)


def test_who_was_served_more_stands_back_after_a_restart() -> None:
    line, accounts = fresh()
    assert restore(written(), {MODEL: line}, accounts, 5.0, NOW_MS)
    assert turns(line, 5)[:2] == ["b", "b"]
    assert accounts.buckets(5.0) == {"a": 500.0}
    assert turns(fresh()[0], 5) == ["a"] * 5


def test_what_is_old_counts_for_less_and_what_is_stale_for_nothing() -> None:
    line, accounts = fresh()
    assert restore(written(), {MODEL: line}, accounts, 5.0, NOW_MS + 3_000_000)
    assert turns(line, 5) == ["a"] * 5
    line, accounts = fresh()
    assert not restore(written(), {MODEL: line}, accounts, 5.0, NOW_MS + 4_000_000)
    assert accounts.buckets(5.0) == {}


def test_a_clock_that_is_behind_the_writers_is_no_error() -> None:
    line, accounts = fresh()
    assert restore(written(), {MODEL: line}, accounts, 5.0, NOW_MS - 60_000)
    assert accounts.buckets(5.0) == {"a": 500.0}


def test_those_that_were_served_no_more_than_others_take_no_space() -> None:
    line, accounts = fresh()
    for tenant in range(1_000):
        served(line, f"t{tenant}", 1)
    few = len(encode({MODEL: line}, accounts, 0.0, NOW_MS))
    served(line, "a", 1_000)
    line.add(waiting(1, "a"))
    line.release(1)
    assert len(encode({MODEL: line}, accounts, 0.0, NOW_MS)) < few / 10


@pytest.mark.parametrize("data", [b"", b"junk", b"\x91\x01", b"\x91" * 100_000, written()[:-1]])
def test_what_is_no_snapshot_is_refused(data: bytes) -> None:
    line, accounts = fresh()
    with pytest.raises(ValueError, match="not a snapshot of a line"):
        restore(data, {MODEL: line}, accounts, 0.0, NOW_MS)


def test_another_version_is_left_alone() -> None:
    line, accounts = fresh()
    assert not restore(b"\x91\x02", {MODEL: line}, accounts, 0.0, NOW_MS)


def test_of_ever_so_many_tenants_it_fits_a_message() -> None:
    line, accounts = fresh()
    for seq in range(20_000):
        name = f"tenant-of-a-long-name-{seq:06}"
        line.add(waiting(seq, name, prompt=100 + seq))
        line.release(seq)
        accounts.admit(name, Ask(100, 0), 0.0)
    assert len(encode({MODEL: line}, accounts, 0.0, NOW_MS)) < 500_000
