"""What usage events say."""

import pytest

from tokenlane.v1.lane_pb2 import Boundaries
from tokenlane.v1.lane_pb2 import LaneUpper as Upper
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification
from tokenlane_autoscaler.boundary.finished import finished
from tokenlane_autoscaler.boundary.message import read, written
from tokenlane_fleet.boundary import LaneUpper


def event(**fields: object) -> UsageEvent:
    given = {
        "lane": "long",
        "usage": Usage(prompt_tokens=1_000, completion_tokens=200),
        "estimated_prompt_tokens": 1_050,
        "budget_output_tokens": 500,
        **fields,
    }
    return UsageEvent(**given)  # type: ignore[arg-type]


def test_lanes_lengths_and_what_the_lane_was_chosen_by() -> None:
    given = Classification(lane="short", prompt_tokens=1_050, output_tokens=500, typical_output_tokens=150)
    found = finished(event(classification=given, worker="w1", queue_wait_us=5_000, first_data_us=105_000))
    assert found is not None
    assert (found.waited, found.ran, found.worker) == ("short", "long", "w1")
    assert (found.prompt_tokens, found.output_tokens, found.counted, found.budget) == (1_000, 200, 1_200, 1_664)
    assert found.prefill_tokens_per_s == pytest.approx(10_000)


def test_an_event_of_an_older_version() -> None:
    found = finished(event())
    assert found is not None
    assert (found.waited, found.counted, found.prefill_tokens_per_s) == ("long", 1_200, None)


@pytest.mark.parametrize(
    "fields", [{"queue_wait_us": 9, "first_data_us": 9}, {"usage": Usage(prompt_tokens=100), "first_data_us": 50}]
)
def test_what_says_nothing_of_the_speed(fields: dict[str, object]) -> None:
    found = finished(event(**fields))
    assert found is not None
    assert found.prefill_tokens_per_s is None


def test_without_counts_there_is_nothing_to_learn() -> None:
    assert finished(UsageEvent(lane="long")) is None
    assert finished(event(usage=Usage(completion_tokens=3))) is None


def test_boundaries_are_read_as_they_were_written() -> None:
    uppers = (LaneUpper("short", 4_096), LaneUpper("long", None))
    message = written(uppers, "why", 7)
    assert (read(message), message.reason, message.decided_unix_ms) == (uppers, "why", 7)


@pytest.mark.parametrize(
    "lanes", [[], [("a", 5), ("a", 0)], [("a", 0), ("b", 0)], [("a", 9), ("b", 8), ("c", 0)]], ids=str
)
def test_boundaries_without_sense_are_refused(lanes: list[tuple[str, int]]) -> None:
    with pytest.raises(ValueError, match=r"lane|rise"):
        read(Boundaries(lanes=[Upper(lane=lane, upper_tokens=upper) for lane, upper in lanes]))
