"""Pieces of the estimates, as they are kept."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.classifier.knower import Knower
from tokenlane_classifier.estimate.shared import Snapshot, decode, encode, shards_of


def test_every_piece_has_a_key_of_its_own_and_brings_what_it_holds() -> None:
    one, other = Knower(3), Knower(3)
    one.learn("a", "b", "c", "d", "a")
    pieces, others = (shards_of({"one": knower, "two": Knower(2)}) for knower in (one, other))
    assert len({piece.key for piece in pieces}) == 5
    assert [piece.key for piece in pieces] == [piece.key for piece in others]
    for piece, its in zip(pieces, others, strict=True):
        its.absorb(piece.dump())
        its.absorb(piece.dump())
    assert other.known == one.known == {"a": 2, "b": 1, "c": 1, "d": 1}


def test_another_number_of_pieces_has_other_keys() -> None:
    two, three = (shards_of({"one": Knower(count)}) for count in (2, 3))
    assert {piece.key for piece in two}.isdisjoint(piece.key for piece in three)


@given(st.integers(0, 2**63 - 1), st.text(), st.binary())
def test_a_snapshot_is_read_as_it_was_written(written: int, writer: str, data: bytes) -> None:
    assert decode(encode(Snapshot(written, writer, data))) == Snapshot(written, writer, data)


@given(st.binary())
def test_what_is_no_snapshot_is_told(value: bytes) -> None:
    with contextlib.suppress(ValueError):
        decode(value)


@pytest.mark.parametrize("value", [b"", b"{}", b"\x93\x01", encode(Snapshot(1, "a", b"x"))[:-1]])
def test_garbage_is_no_snapshot(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(value)
