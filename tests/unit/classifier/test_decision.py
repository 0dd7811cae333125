"""What becomes of a request."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import Endpoint, Facts, Request
from tokenlane_classifier.category import Category
from tokenlane_classifier.decision import Decision, Forward, Policy, Reject, decide
from tokenlane_classifier.lanes import parse_boundaries
from tokenlane_classifier.ratio import Ratios
from tokenlane_classifier.registry import Registry

NOW = 1_700_000_000_000
POLICY = Policy(default_output_tokens=512, gamma=0.5)
REGISTRY = (
    Registry(parse_boundaries("short:8192,long"))
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
        endpoint=Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        deadline_unix_ms=deadline,
        facts=Facts(model=model, max_output_tokens=max_output_tokens, choices=choices),
        body=body,
    )


def decided(request: Request, ratios: Ratios | None = None) -> Decision:
    return decide(request, REGISTRY.models, ratios or Ratios(), POLICY, NOW)


def forwarded(request: Request, ratios: Ratios | None = None) -> Forward:
    decision = decided(request, ratios)
    assert isinstance(decision, Forward)
    return decision


def test_the_budget_is_bytes_by_ratio_and_the_output_bound() -> None:
    asked = request("word " * 1_000, max_output_tokens=100, choices=2)
    decision = forwarded(asked)
    assert decision.budget.prompt_tokens == -(-len(asked.body) // 4)
    assert decision.budget.output_tokens == 200
    assert (decision.lane, decision.category) == ("short", Category.LATIN)


def test_the_learned_ratio_decides() -> None:
    asked = request("word " * 6_000)
    assert forwarded(asked).lane == "short"
    assert forwarded(asked, Ratios().observed("m", Category.LATIN, 2.0, 0.95)).lane == "long"


def test_doubt_goes_to_the_longer_lane() -> None:
    sure = Ratios()
    for ratio in (3.0, 5.0) * 30:
        sure = sure.observed("m", Category.LATIN, ratio, 0.95)
    asked = request("word " * 6_000)
    assert forwarded(asked, sure).budget.prompt_tokens > forwarded(asked).budget.prompt_tokens


def test_a_large_output_bound_goes_to_the_long_lane() -> None:
    assert forwarded(request(max_output_tokens=9_000)).lane == "long"


@given(st.integers(0, 400_000), st.integers(1, 32_768), st.integers(1, 100))
def test_an_estimate_never_rejects(words: int, limit: int, choices: int) -> None:
    assert forwarded(request("a" * words, max_output_tokens=limit, choices=choices)).lane in ("short", "long")


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
    decision = decide(request(), smaller.models, Ratios(), POLICY, NOW)
    assert isinstance(decision, Forward)
    assert decision.lane == "long"
    assert not smaller.updated("long.m", None).models
