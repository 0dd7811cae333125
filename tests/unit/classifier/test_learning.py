"""What usage events say of the estimates."""

import pytest

from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Facts
from tokenlane_classifier.lanes import lanes_of
from tokenlane_classifier.learning import Cause, Cover, Misrouting, cover, misrouting, output_error, prompt_error
from tokenlane_proto.lane_setting import parse_lanes

MODELS = {"m": lanes_of(parse_lanes("short:8192,long"), {"short": 16_384, "long": 65_536})}


def event(
    estimated: int, typical: int, prompt: int, completion: int = 0, budget: int = 0, moved: bool = False
) -> UsageEvent:
    return UsageEvent(
        request_id="r1",
        model="m",
        lane="short",
        category="latin",
        body_bytes=4_480,
        estimated_prompt_tokens=estimated,
        budget_output_tokens=budget or typical,
        usage=Usage(prompt_tokens=prompt, completion_tokens=completion),
        facts=Facts(model="m"),
        classification=Classification(lane="long" if moved else "short", typical_output_tokens=typical),
        moved=moved,
    )


def test_errors_are_shares_of_what_was_measured() -> None:
    assert prompt_error(event(1_100, 64, 1_000)) == pytest.approx(0.1)
    assert output_error(event(1_100, 64, 1_000, 80)) == pytest.approx(-0.2)


def test_what_was_not_counted_is_no_error() -> None:
    streamed = event(1_000, 64, 1_000, 80)
    streamed.usage.estimated = True
    for each in (streamed, event(1_000, 64, 0), event(1_000, 64, 1_000, 80, moved=True)):
        assert (prompt_error(each), output_error(each)) == (None, None)


def test_a_budget_holds_or_not_or_had_no_choice() -> None:
    assert cover(event(1, 64, 1, 64)) is Cover.COVERED
    assert cover(event(1, 64, 1, 65)) is Cover.EXCEEDED
    assert cover(event(1, 64, 1, 10, moved=True)) is Cover.EXCEEDED
    capped = event(1, 64, 1, 64)
    capped.facts.max_output_tokens = 32
    capped.facts.choices = 2
    assert cover(capped) is Cover.CAPPED
    capped.facts.choices = 3
    assert cover(capped) is Cover.COVERED


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (event(8_000, 100, 7_900, 80), None),
        (event(8_000, 100, 9_000, 80), Misrouting("short", "long", Cause.PROMPT)),
        (event(8_500, 100, 7_000, 80), Misrouting("long", "short", Cause.PROMPT)),
        (event(4_000, 9_000, 4_000, 50), Misrouting("long", "short", Cause.OUTPUT)),
        (event(4_000, 100, 4_000, 9_000), Misrouting("short", "long", Cause.OUTPUT)),
        (event(8_000, 100, 7_900, 80, budget=9_000), None),
        (event(9_000, 9_000, 0, 0), None),
        (event(9_000, 100, 4_000, 9_000, moved=True), Misrouting("short", "long", Cause.MOVED)),
    ],
)
def test_misrouting_is_told_by_cause(seen: UsageEvent, expected: Misrouting | None) -> None:
    assert misrouting(seen, MODELS) == expected


def test_a_version_that_told_no_typical_output_chose_by_the_budget() -> None:
    old = event(4_000, 0, 4_000, 50, budget=9_000)
    assert misrouting(old, MODELS) == Misrouting("long", "short", Cause.OUTPUT)


def test_a_model_that_is_gone_is_not_misrouted() -> None:
    assert misrouting(event(8_500, 100, 7_000), {}) is None
