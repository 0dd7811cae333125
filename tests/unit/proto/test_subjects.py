"""Subjects are unambiguous, and no name from outside can break out of its place."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_proto import subjects, topology
from tokenlane_proto.errors import MalformedMessageError

TOKENS = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
MODELS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("./~%=*> "), min_size=1, max_size=80)


@given(TOKENS, TOKENS, MODELS, TOKENS, st.integers(1, 10**7))
def test_a_lane_subject_comes_apart_as_it_was_put_together(
    lane: str, fits: str, model: str, tenant: str, tokens: int
) -> None:
    parts = subjects.parse_lane(subjects.lane(lane, fits, model, tenant, tokens))
    assert parts[:4] == (lane, fits, model, tenant)
    assert tokens <= parts.tokens <= tokens * 1.125 + 1


@given(MODELS)
def test_a_model_is_one_subject_token_and_one_key(model: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_%-]+", subjects.escape(model))
    assert subjects.unescape(subjects.escape(model)) == model
    # What a key-value bucket takes as a key.
    assert re.fullmatch(r"[-/_=.a-zA-Z0-9]+", topology.lane_key("short", model))


@given(st.lists(st.tuples(TOKENS, TOKENS, MODELS), min_size=2, max_size=2, unique=True))
def test_each_queue_has_a_consumer_of_its_own(queues: list[tuple[str, str, str]]) -> None:
    one, other = (topology.lane_consumer(*queue) for queue in queues)
    assert one.name != other.name
    assert one.filter_subject != other.filter_subject
    assert not re.search(r"[.*>/\\\s]", one.name)


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_rounding_keeps_the_order(first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert subjects.bucket_tokens(low) <= subjects.bucket_tokens(high)
    assert subjects.bucket_tokens(subjects.bucket_tokens(low)) == subjects.bucket_tokens(low)


@pytest.mark.parametrize("inbox", ["", "a..b", ".a", "a.", "*", ">", "a.>", "a b", "a\r\nPUB x 0", "a.b.c.d.e"])
def test_an_inbox_that_would_reach_further_is_refused(inbox: str) -> None:
    assert not subjects.is_inbox(inbox)


@pytest.mark.parametrize(
    "subject", ["lanes.short.m.acme.5", "lanes.short.long.m.acme.x", "other.short.long.m.acme.5", ""]
)
def test_what_is_no_lane_subject_is_refused(subject: str) -> None:
    with pytest.raises(MalformedMessageError):
        subjects.parse_lane(subject)


@pytest.mark.parametrize("subject", ["requests", "requests.", "requests.a b"])
def test_a_subject_without_a_tenant_is_refused(subject: str) -> None:
    with pytest.raises(MalformedMessageError):
        subjects.tenant_of(subject)
