"""What is taken to heart of what is told."""

import pytest
import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tests.unit.classifier.fixed import Fixed
from tokenlane.v1.lane_pb2 import Boundaries, LaneProfile, LaneUpper
from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane.v1.request_pb2 import Classification, Endpoint, Facts
from tokenlane_chassis.bus import Message
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.ledger import Entry, Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_proto import topology
from tokenlane_proto.lane_setting import parse_lanes

NOW = 1_700_000_000_000
MODEL = "m/x.y"


class House:
    """Knowledge, and all that it touches."""

    def __init__(self) -> None:
        self.fixed, self.ledger, self.registry = Fixed(), Ledger(), CollectorRegistry()
        boundaries, log = parse_lanes("short:512,long"), structlog.get_logger()
        self.knowledge = Knowledge(
            boundaries, self.fixed.estimates, self.ledger, Metrics(self.registry), log, lambda: NOW
        )

    def counted(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"tokenlane_{name}", labels) or 0


def told(request_id: str = "r1", accepted: int = NOW - 50, estimated: bool = False, completion: int = 80) -> Message:
    event = UsageEvent(
        request_id=request_id,
        model=MODEL,
        category="latin",
        body_bytes=9_000,
        estimated_prompt_tokens=3_200,
        budget_output_tokens=110,
        usage=Usage(prompt_tokens=3_000, completion_tokens=completion, estimated=estimated),
        accepted_unix_ms=accepted,
        endpoint=Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        facts=Facts(model=MODEL),
        classification=Classification(lane="long", byte_classes=[1]),
    )
    return Message("usage.acme", event.SerializeToString(), {})


def test_an_answer_teaches_and_is_counted() -> None:
    house = House()
    house.ledger.note(("acme", "r1"), Entry(1, 5, MODEL, "", False, "", level="tenant"))
    house.knowledge.used(told())
    assert (len(house.fixed.prompt.taught), len(house.fixed.output.taught)) == (1, 1)
    assert house.knowledge.learned_events == 1
    for part, error in (("prompt", 0.1), ("output", 0.5)):
        below = house.counted(f"{part}_estimate_relative_error_bucket", category="latin", le=str(error / 2))
        upto = house.counted(f"{part}_estimate_relative_error_bucket", category="latin", le=str(error))
        assert (below, upto) == (0, 1)
    covered = {"category": "latin", "level": "tenant", "outcome": "covered"}
    assert house.counted("output_budgets_total", **covered) == 1


def test_whether_the_budget_held_is_counted_by_the_replica_that_made_it() -> None:
    house = House()
    house.knowledge.used(told())
    assert [metric.samples for metric in house.registry.collect() if metric.name == "tokenlane_output_budgets"] == [[]]


@pytest.mark.parametrize("estimated", [True, False])
def test_a_request_that_was_answered_has_ended(estimated: bool) -> None:
    house = House()
    house.ledger.note(("acme", "r1"), Entry(1, 5, MODEL, "", False, ""))
    house.knowledge.used(told(estimated=estimated))
    assert house.ledger.find(("acme", "r1")) is None


def test_what_was_heard_and_is_read_again_teaches_once() -> None:
    house = House()
    for hear, read in ((told("a"), told("a")), (told("b"), told("c"))):
        house.knowledge.used(hear)
        house.knowledge.missed(read)
        house.knowledge.used(read)
    assert house.knowledge.learned_events == 3
    assert house.counted("prompt_estimate_relative_error_bucket", category="latin", le="+Inf") == 2


def test_an_id_that_is_used_again_later_teaches_again() -> None:
    house = House()
    house.knowledge.used(told("a", NOW - 50))
    house.knowledge.used(told("a", NOW - 40))
    assert house.knowledge.learned_events == 2


def test_what_was_missed_is_as_old_as_its_request() -> None:
    house = House()
    house.knowledge.missed(told("a", NOW - 9_000))
    house.knowledge.missed(told("b", 0))
    house.knowledge.missed(told("c", NOW + 9_000))
    assert [taught[3] for taught in house.fixed.output.taught] == [NOW - 9_000, NOW, NOW]


@pytest.mark.parametrize("message", [Message("usage.acme", b"\xff", {}), Message("usage", told().data, {})])
def test_garbage_is_ignored_with_a_warning(message: Message) -> None:
    house = House()
    with capture_logs() as logs:
        house.knowledge.used(message)
        house.knowledge.missed(message)
    assert [entry["log_level"] for entry in logs] == ["warning"] * 2


def test_boundaries_are_taken_over_with_their_reason_and_given_up_again() -> None:
    house, key = House(), topology.model_key(MODEL)
    for lane, length in (("short", 8_192), ("long", 65_536)):
        profile = LaneProfile(lane=lane, model=MODEL, max_model_len=length)
        house.knowledge.lane_changed(topology.lane_key(lane, MODEL), profile.SerializeToString())
    moved = Boundaries(lanes=[LaneUpper(lane="short", upper_tokens=2_000), LaneUpper(lane="long")], reason="more chat")
    with capture_logs() as logs:
        house.knowledge.boundaries_changed(key, moved.SerializeToString())
        assert [lane.upper for lane in house.knowledge.models[MODEL].lanes] == [2_000, 65_536]
        for garbage in (b"\xff", b"", Boundaries(lanes=[LaneUpper(lane="a"), LaneUpper(lane="b")]).SerializeToString()):
            house.knowledge.boundaries_changed(key, garbage)
        assert [lane.upper for lane in house.knowledge.models[MODEL].lanes] == [2_000, 65_536]
        house.knowledge.boundaries_changed(key, None)
    assert [lane.upper for lane in house.knowledge.models[MODEL].lanes] == [512, 65_536]
    assert [entry.get("reason") for entry in logs if entry["log_level"] == "info"] == [
        "more chat",
        "those of the settings",
    ]
    assert sum(entry["log_level"] == "warning" for entry in logs) == 3
