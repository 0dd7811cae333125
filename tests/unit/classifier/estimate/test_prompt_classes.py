"""Characters by class: what a tokenizer would see, whatever way JSON writes it."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.documents import PROSE, documents
from tokenlane_classifier.estimate.classes import NAMES, REPEATED, SAMPLE_BYTES, count


def counted(text: str) -> dict[str, int]:
    data = text.encode()
    return {name: number for name, number in zip(NAMES, count(data, len(data)), strict=True) if number}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("Hello, you", {"upper": 1, "lower": 7, "mark": 1, "space": 1}),
        ('a("1")', {"lower": 1, "code": 2, "quote": 2, "digit": 1}),
        ("请求 通过", {"han": 4, "space": 1}),
        ("토큰", {"hangul": 2}),
        ("カナ、かな", {"kana": 5}),
        ("жук ψω", {"cyrillic": 5, "space": 1}),
        ("عدد עב", {"arabic": 5, "space": 1}),
        ("हि", {"indic": 2}),
        ("é—ế", {"accented": 3}),
        ("🎉\uff01", {"symbol": 2}),
        ("#--------- =", {"code": 2, "mark": 9, "space": 1, "run": 1}),
        ("a-B-1-c-D-2-e-F-", {"lower": 3, "upper": 3, "digit": 2, "mark": 8, "run": 1}),
        ("    x", {"space": 4, "lower": 1, "indent": 2}),
    ],
)
def test_each_character_counts_once(text: str, expected: dict[str, int]) -> None:
    assert counted(text) == expected


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_no_character_is_lost(text: str) -> None:
    found = counted(text)
    controls = sum((character < " " and character not in "\n\r\t") or character == "\x7f" for character in text)
    assert sum(number for name, number in found.items() if name not in REPEATED) == len(text) - controls


@pytest.mark.parametrize("kind", [*PROSE, "code", "json"])
def test_escapes_change_nothing(kind: str) -> None:
    for document in documents(kind, 0, 5, 3, lengths=(1_000, 4_000)):
        # A new line is a backslash and a letter in one, a new line in the other.
        turns = [" ".join(text.split("\n")) for text in document.messages]
        plain, escaped = (json.dumps(turns, ensure_ascii=flag).encode() for flag in (False, True))
        scale = sum(count(plain, len(plain)))
        pairs = zip(count(plain, len(plain)), count(escaped, len(escaped)), strict=True)
        if len(escaped) <= SAMPLE_BYTES:
            assert all(abs(one - other) <= 0.03 * scale for one, other in pairs)


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=50).map(lambda text: json.dumps({"a": text * 40}).encode()), st.integers(0, 400))
def test_a_cut_anywhere_is_no_error(body: bytes, cut: int) -> None:
    """Warnings are errors here."""
    assert sum(count(body[cut:], len(body))) >= 0
    assert sum(count(body[: len(body) - cut], len(body))) >= 0


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300))
def test_bytes_that_are_no_text_are_counted(data: bytes) -> None:
    assert all(0 <= number <= len(data) for number in count(data, len(data)))


def test_a_long_body_is_told_by_slices_of_all_of_it() -> None:
    halves = b"a" * 100_000 + b"1" * 100_000
    found = dict(zip(NAMES, count(halves, len(halves)), strict=True))
    assert found["lower"] + found["digit"] == pytest.approx(200_000, abs=8)
    assert found["lower"] == pytest.approx(100_000, rel=0.01)


def test_a_longer_body_has_more() -> None:
    sizes = [sum(count(b"the same words " * times, 15 * times)) for times in (10, 100, 1_000, 10_000)]
    assert all(shorter * 9.9 < longer < shorter * 10.1 for shorter, longer in pairwise(sizes))
