"""Prompt estimates on real tokenizers: right after fifty observations of a kind of text, cautious, bounded."""

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.documents import KINDS, Document, documents
from tests.support.vocabularies import Count, prompt_tokens, qwen
from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.estimate.categories import Category
from tokenlane_classifier.estimate.classes import NAMES
from tokenlane_classifier.estimate.prompt import PromptEstimate, PromptEstimates, PromptSettings
from tokenlane_proto.openai_body import read_facts

_LEARNED = 50
_TESTED = 50
_BOUNDARIES = (1_024, 2_048, 4_096, 8_192)


class Prediction(NamedTuple):
    kind: str
    estimate: PromptEstimate
    tokens: int
    bytes: int


def estimate(estimates: PromptEstimates, document: Document) -> tuple[Facts, PromptEstimate]:
    facts = read_facts(document.body)[1]
    return facts, estimates.estimate(facts, document.body, len(document.body))


def learn(estimates: PromptEstimates, document: Document, count: Count) -> None:
    facts, made = estimate(estimates, document)
    tokens = prompt_tokens(count, document.messages)
    estimates.observe(facts, made.category, made.classes, len(document.body), tokens)


def texts(half: int, number: int, kinds: tuple[str, ...] = KINDS) -> list[Document]:
    found = [document for kind in kinds for document in documents(kind, half, number, seed=1)]
    random.Random(half).shuffle(found)
    return found


@pytest.fixture(scope="module")
def count() -> Count:
    counting = qwen()
    assert counting is not None
    return counting


@pytest.fixture(scope="module")
def predictions(count: Count) -> list[Prediction]:
    """For text that has nothing in common with what was learned from."""
    estimates = PromptEstimates(PromptSettings())
    for document in texts(0, _LEARNED):
        learn(estimates, document, count)
    return [
        Prediction(
            document.kind,
            estimate(estimates, document)[1],
            prompt_tokens(count, document.messages),
            len(document.body),
        )
        for document in texts(1, _TESTED)
    ]


def misrouted(predictions: list[Prediction], guess: Callable[[Prediction], float]) -> float:
    """Share of requests whose lane is another, over all boundaries."""
    wrong = Counter(
        (guess(one) <= boundary) != (one.tokens <= boundary) for one in predictions for boundary in _BOUNDARIES
    )
    return wrong[True] / wrong.total()


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_is_right_within_3_percent(predictions: list[Prediction], kind: str) -> None:
    own = [one.estimate.expected / one.tokens for one in predictions if one.kind == kind]
    assert sum(own) / len(own) == pytest.approx(1.0, abs=0.03)


def test_less_than_1_percent_of_requests_are_misrouted(predictions: list[Prediction]) -> None:
    assert misrouted(predictions, lambda one: one.estimate.tokens) < 0.01
    assert misrouted(predictions, lambda one: one.bytes / 4) > 0.04


def test_hardly_any_prompt_has_fewer_tokens_than_the_least(predictions: list[Prediction]) -> None:
    fewer = [one for one in predictions if one.tokens < one.estimate.least]
    assert len(fewer) < 0.005 * len(predictions)
    assert sum(one.estimate.least / one.tokens for one in predictions) > 0.85 * len(predictions)


def test_of_what_was_never_seen_less_can_be_relied_upon(count: Count) -> None:
    estimates = PromptEstimates(PromptSettings())
    for document in texts(1, 3):
        made, tokens = estimate(estimates, document)[1], prompt_tokens(count, document.messages)
        assert 0 < made.least <= tokens


def test_a_first_estimate_is_of_the_right_size(count: Count) -> None:
    estimates = PromptEstimates(PromptSettings())
    for document in texts(1, 3):
        made, tokens = estimate(estimates, document)[1], prompt_tokens(count, document.messages)
        assert 0.5 < made.expected / tokens < 2.0


def test_short_prompts_are_estimated_too(count: Count) -> None:
    estimates = PromptEstimates(PromptSettings())
    for half in (0, 1):
        short = [one for kind in ("english", "korean") for one in documents(kind, half, 40, 2, lengths=(20, 400))]
        errors = []
        for document in short:
            tokens = prompt_tokens(count, document.messages)
            errors.append(abs(estimate(estimates, document)[1].expected - tokens))
            learn(estimates, document, count)
    assert sum(errors) / len(errors) < 6


def test_doubt_adds_tokens() -> None:
    document = next(documents("english", 0, 1, 1))
    bold, shy = (estimate(PromptEstimates(PromptSettings(gamma=gamma)), document)[1] for gamma in (0.0, 3.0))
    assert bold.expected == shy.expected
    assert bold.tokens < shy.tokens


def test_models_learn_apart() -> None:
    estimates = PromptEstimates(PromptSettings())
    document = next(documents("english", 0, 1, 1))
    facts, before = estimate(estimates, document)
    other = Facts(model="other", messages=facts.messages)
    for _ in range(20):
        estimates.observe(other, before.category, before.classes, len(document.body), 3 * before.expected)
    assert estimate(estimates, document)[1] == before
    taught = estimates.estimate(other, document.body, len(document.body))
    assert taught.expected == pytest.approx(3 * before.expected, rel=0.05)


def test_what_was_seen_a_model_ago_makes_room() -> None:
    estimates = PromptEstimates(PromptSettings(most_models=2))
    for model in ("a", "b", "a", "c"):
        estimates.observe(Facts(model=model), "latin", (100,) * len(NAMES), 1_000, 300)
    seen = {model: estimates.ratio(model, "latin").observations for model in "abc"}
    assert seen == {"a": 2, "b": 0, "c": 1}


def test_yesterday_fades() -> None:
    estimates = PromptEstimates(PromptSettings(half_life=20))
    document = next(documents("english", 0, 1, 1))
    facts, made = estimate(estimates, document)
    for tokens in (2_000,) * 100 + (1_000,) * 100:
        estimates.observe(facts, made.category, made.classes, len(document.body), tokens)
    assert estimate(estimates, document)[1].expected == pytest.approx(1_000, rel=0.05)


def test_one_wrong_count_spoils_nothing() -> None:
    for wrong in (1, 10_000_000):
        estimates = PromptEstimates(PromptSettings())
        document = max(documents("english", 0, 9, 1), key=lambda one: len(one.body))
        facts, made = estimate(estimates, document)
        for tokens in (*(made.expected,) * 50, wrong):
            estimates.observe(facts, made.category, made.classes, len(document.body), tokens)
        assert estimate(estimates, document)[1].expected == pytest.approx(made.expected, rel=0.05)


def test_a_prompt_of_token_ids_has_as_many_tokens() -> None:
    ids = b",".join(b"%d" % (number * 37 % 50_000) for number in range(1_000))
    body = b'{"model":"m","prompt":[' + ids + b'],"max_tokens":5}'
    made = PromptEstimates(PromptSettings()).estimate(read_facts(body)[1], body, len(body))
    assert made.expected == pytest.approx(1_000, rel=0.02)


def test_the_ratio_is_seen() -> None:
    estimates = PromptEstimates(PromptSettings())
    assert estimates.ratio("m", "latin").observations == 0
    for tokens in (240, 260):
        estimates.observe(Facts(model="m"), "latin", (50,) * len(NAMES), 1_000, tokens)
    view = estimates.ratio("m", "latin")
    assert view.mean == pytest.approx(4.0, rel=0.01)
    assert 0 < view.deviation < 0.5
    assert view.observations == 2


@pytest.mark.parametrize(
    ("category", "classes", "size", "tokens"),
    [
        ("runes", (1,) * len(NAMES), 100, 10),
        ("latin", (1,) * 3, 100, 10),
        ("latin", (), 100, 10),
        ("latin", (1,) * len(NAMES), 100, 0),
        ("latin", (1,) * len(NAMES), 0, 10),
    ],
)
def test_what_another_version_wrote_teaches_nothing(
    category: str, classes: tuple[int, ...], size: int, tokens: int
) -> None:
    estimates = PromptEstimates(PromptSettings())
    estimates.observe(Facts(model="m"), category, classes, size, tokens)
    assert all(estimates.ratio("m", known).observations == 0 for known in (category, *Category))


@settings(deadline=None, max_examples=60)
@given(
    body=st.binary(max_size=400),
    more=st.integers(0, 2**40),
    messages=st.integers(0, 10),
    media=st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1)),
    counted=st.integers(1, 2**32 - 1),
)
def test_any_bytes_give_an_estimate_that_teaching_keeps_finite(
    body: bytes, more: int, messages: int, media: tuple[int, int], counted: int
) -> None:
    estimates = PromptEstimates(PromptSettings())
    facts = Facts(model="m", messages=messages, media_parts=media[0], media_bytes=media[1])
    for _ in range(3):
        made = estimates.estimate(facts, body, len(body) + more)
        assert 1 <= made.expected <= made.tokens <= 2**32 - 1
        assert all(0 <= number <= 2**32 - 1 for number in made.classes)
        estimates.observe(facts, made.category, made.classes, len(body) + more, counted)


def test_the_beginning_stands_for_a_body_elsewhere() -> None:
    estimates = PromptEstimates(PromptSettings())
    document = max(documents("chinese", 0, 20, 1), key=lambda one: len(one.body))
    facts, whole = estimate(estimates, document)
    sampled = estimates.estimate(facts, document.body[:4_096], len(document.body))
    assert sampled.category == whole.category
    assert sampled.expected == pytest.approx(whole.expected, rel=0.15)


def test_first_short_prompts_do_not_bring_a_long_one_into_the_wrong_lane() -> None:
    """What is wrong with them is mostly the template: the framing of the body and what the model makes of it."""

    def asked(words: int) -> tuple[Facts, PromptEstimate, int]:
        chat = {"model": "m-8b", "messages": [{"role": "user", "content": "one more word " * words}], "max_tokens": 8}
        body = json.dumps(chat).encode()
        facts = read_facts(body)[1]
        return facts, estimates.estimate(facts, body, len(body)), len(body)

    estimates = PromptEstimates(PromptSettings())
    cold = asked(4_000)[1].expected
    for _ in range(5):
        facts, made, size = asked(3)
        estimates.observe(facts, made.category, made.classes, size, made.expected * 3 // 4)
    assert asked(4_000)[1].expected == pytest.approx(cold, rel=0.2)
