"""The kind of a body from the counts of its characters."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.documents import documents
from tokenlane_classifier.estimate.categories import Category, categorize
from tokenlane_classifier.estimate.classes import NAMES, count


def category_of(body: bytes, messages: int = 1, media: int = 0) -> Category:
    return categorize(count(body, len(body)), messages, media)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("english", Category.LATIN),
        ("korean", Category.HANGUL),
        ("arabic", Category.ARABIC),
        ("chinese", Category.HAN),
        ("japanese", Category.KANA),
        ("russian", Category.CYRILLIC),
        ("code", Category.CODE),
        ("json", Category.JSON),
        ("numbers", Category.NUMERIC),
        ("base64", Category.DENSE),
    ],
)
def test_most_documents_of_a_kind_have_its_category(kind: str, expected: Category) -> None:
    found = Counter(
        category_of(one.body, len(one.messages)) for one in documents(kind, 0, 40, 4, lengths=(800, 20_000))
    )
    assert found.most_common(1)[0][0] == expected
    assert found[expected] >= 0.7 * found.total()


def test_latin_with_a_good_part_of_another_script_is_mixed() -> None:
    text = "What does this line of the manual say, in plain words? 请求通过消息总线到达 " * 5
    assert category_of(json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=False).encode()) == (
        Category.MIXED
    )


def test_a_body_with_media_has_a_category_of_its_own() -> None:
    assert category_of(b"What is this?", media=1) == Category.MEDIA


def test_a_prompt_of_token_ids_is_told_from_a_table() -> None:
    ids = b'{"model":"m","prompt":[' + b",".join(b"%d" % number for number in range(1_000, 2_000)) + b"]}"
    assert category_of(ids, messages=0) == Category.TOKEN_IDS
    assert category_of(ids, messages=1) == Category.NUMERIC


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=len(NAMES), max_size=len(NAMES)), st.integers(0, 9))
def test_any_counts_have_a_category(counts: list[int], messages: int) -> None:
    assert categorize(counts, messages, 0) in Category
