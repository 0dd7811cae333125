"""What becomes of a request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.classifier.fixed import Fixed
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import BodyRef, Classification, Endpoint, Facts, Priority, Request
from tokenlane_classifier.decision import Decision, Forward, Reject, Wish, decide
from tokenlane_classifier.estimate.route import Route
from tokenlane_classifier.registry import Registry
from tokenlane_classifier.service import estimates_of
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_proto.lane_setting import parse_lanes

NOW = 1_700_000_000_000
CHAT = Endpoint.ENDPOINT_CHAT_COMPLETIONS
REGISTRY = (
    Registry(parse_lanes("short:8192,long"))
    .updated("short.m", LaneProfile(lane="short", model="m", max_model_len=8_192))
    .updated("long.m", LaneProfile(lane="long", model="m", max_model_len=32_768))
)


def request(
    text: str = "hello there",
    model: str = "m",
    deadline: int = 0,
    max_output_tokens: int | None = None,
    choices: int = 1,
) -> Request:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    return Request(
        request_id="r1",
        endpoint=CHAT,
        deadline_unix_ms=deadline,
        facts=Facts(model=model, max_output_tokens=max_output_tokens, choices=choices),
        body=body,
    )


def decided(request: Request, fixed: Fixed | None = None) -> Decision:
    return decide("acme", request, REGISTRY.models, (fixed or Fixed()).estimates, NOW)


def forwarded(request: Request, fixed: Fixed | None = None) -> Forward:
    decision = decided(request, fixed)
    assert isinstance(decision, Forward)
    return decision


def test_the_budget_is_cautious_and_the_lane_is_chosen_by_what_is_typical() -> None:
    fixed = Fixed(prompt=8_000, expected=7_000, output=500, typical=192)
    decision = forwarded(request(choices=1), fixed)
    assert (decision.budget.prompt_tokens, decision.budget.output_tokens) == (8_000, 500)
    assert (decision.lane, decision.fits, decision.typical_output_tokens) == ("short", "long", 192)
    assert forwarded(request(), Fixed(8_000, 7_000, 500, 193)).lane == "long"
    assert fixed.output.asked == [(Route("acme", "m", CHAT, 0, 0, 0), 7_000)]


def test_every_choice_counts_and_none_is_budgeted_for_more_than_the_client_allows() -> None:
    decision = forwarded(request(max_output_tokens=250, choices=3), Fixed(output=300, typical=200))
    assert (decision.budget.output_tokens, decision.typical_output_tokens) == (750, 600)


def test_later_hops_are_told_all_of_it() -> None:
    given = forwarded(request(), Fixed(100, 90, 300, 200)).classification(NOW, Wish(1_000))
    assert given == Classification(
        lane="short",
        fits="short",
        prompt_tokens=100,
        output_tokens=300,
        typical_output_tokens=200,
        expected_prompt_tokens=90,
        least_prompt_tokens=45,
        category="latin",
        byte_classes=[3, 4],
        classified_unix_ms=NOW,
        ttft_limit_ms=1_000,
        priority=Priority.PRIORITY_STANDARD,
    )


def test_a_body_elsewhere_is_told_by_its_sample_and_its_size() -> None:
    fixed, asked = Fixed(), request()
    asked.body_ref.MergeFrom(BodyRef(object="o", size=9_000_000, sample=b"abc"))
    forwarded(asked, fixed)
    assert fixed.prompt.asked == [(3, 9_000_000)]


@given(st.text(max_size=2_000), st.integers(0, 32_768), st.integers(0, 100), st.integers(0, 2**32 - 1))
def test_an_estimate_never_rejects(text: str, limit: int, choices: int, hash_: int) -> None:
    asked = request(text, max_output_tokens=limit or None, choices=choices)
    asked.facts.MergeFrom(Facts(system_hash=hash_, tools_bytes=hash_, media_bytes=hash_, media_parts=3, messages=2))
    decision = decide("acme", asked, REGISTRY.models, estimates_of(ClassifierSettings()), NOW)
    assert isinstance(decision, Forward)
    assert decision.lane in ("short", "long")
    assert decision.budget.total < 2**32


@pytest.mark.parametrize(
    ("asked", "status", "code", "param", "outcome"),
    [
        (request(model="other"), 404, "model_not_found", "model", Outcome.OUTCOME_FAILED),
        (request(max_output_tokens=32_769), 400, "context_length_exceeded", "max_tokens", Outcome.OUTCOME_FAILED),
        (request(deadline=NOW), 504, "deadline_exceeded", None, Outcome.OUTCOME_EXPIRED),
        (request(deadline=1), 504, "deadline_exceeded", None, Outcome.OUTCOME_EXPIRED),
    ],
)
def test_what_is_certain_to_fail_ends_here(
    asked: Request, status: int, code: str, param: str | None, outcome: Outcome
) -> None:
    decision = decided(asked)
    assert isinstance(decision, Reject)
    assert (decision.status, decision.code, decision.param, decision.outcome) == (status, code, param, outcome)


def test_a_deadline_ahead_is_no_obstacle() -> None:
    forwarded(request(deadline=NOW + 1))


def test_a_lane_that_leaves_the_registry_is_not_chosen_any_more() -> None:
    smaller = REGISTRY.updated("short.m", None)
    decision = decide("acme", request(), smaller.models, Fixed().estimates, NOW)
    assert isinstance(decision, Forward)
    assert decision.lane == "long"
    assert not smaller.updated("long.m", None).models
