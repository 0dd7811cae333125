"""What usage events teach."""

import pytest

from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane_classifier.category import Category
from tokenlane_classifier.lanes import lanes_of, parse_boundaries
from tokenlane_classifier.learning import Misrouting, learned, misrouting, relative_error
from tokenlane_classifier.ratio import COLD_START, Ratios

MODELS = {"m": lanes_of(parse_boundaries("short:8192,long"), {"short": 8_192, "long": 65_536})}


def event(estimated: int, bound: int, prompt: int, completion: int = 0, category: str = "latin") -> UsageEvent:
    return UsageEvent(
        request_id="r1",
        model="m",
        lane="short",
        category=category,
        body_bytes=4_480,
        estimated_prompt_tokens=estimated,
        budget_output_tokens=bound,
        usage=Usage(prompt_tokens=prompt, completion_tokens=completion),
    )


def ratio_after(event: UsageEvent) -> float:
    return learned(Ratios(), event, 0.95).of("m", Category.LATIN).mean


def test_a_count_teaches_the_ratio_of_its_kind_of_text() -> None:
    assert ratio_after(event(1_100, 64, 1_000)) == 4.48
    assert relative_error(event(1_100, 64, 1_000)) == pytest.approx(0.1)


def test_what_teaches_nothing() -> None:
    uncounted, unknown, tiny = event(1, 1, 0), event(1, 1, 1_000, category="runes"), event(1, 1, 20)
    tiny.body_bytes = 100
    assert [ratio_after(each) for each in (uncounted, unknown, tiny)] == [COLD_START] * 3
    assert relative_error(uncounted) is None


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (event(8_000, 100, 7_900, 80), None),
        (event(8_000, 100, 9_000, 80), Misrouting("short", "long", "prompt")),
        (event(8_500, 100, 7_000, 80), Misrouting("long", "short", "prompt")),
        (event(4_000, 9_000, 4_000, 50), Misrouting("long", "short", "output")),
        (event(9_000, 9_000, 0, 0), None),
    ],
)
def test_misrouting_is_told_by_cause(seen: UsageEvent, expected: Misrouting | None) -> None:
    assert misrouting(seen, MODELS) == expected


def test_a_model_that_is_gone_is_not_misrouted() -> None:
    assert misrouting(event(8_500, 100, 7_000), {}) is None
