"""What is taken to heart of what is told."""

from collections.abc import Callable

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane_chassis.bus import Message
from tokenlane_classifier.category import Category
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.lanes import parse_boundaries
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.ratio import COLD


def told(usage: Usage, ended: Callable[[str, str], None] = lambda tenant, request_id: None) -> Knowledge:
    knowledge = Knowledge(
        parse_boundaries("short:512,long"), 0.95, Metrics(CollectorRegistry()), structlog.get_logger(), ended
    )
    event = UsageEvent(request_id="r1", model="m", lane="short", category="latin", body_bytes=9_000, usage=usage)
    knowledge.used(Message("usage.acme", event.SerializeToString(), {}))
    return knowledge


def test_counts_of_the_engine_are_learned() -> None:
    assert told(Usage(prompt_tokens=3_000)).ratios.of("m", Category.LATIN).mean == 3.0


def test_an_estimate_does_not_confirm_itself() -> None:
    assert told(Usage(prompt_tokens=3_000, estimated=True)).ratios.of("m", Category.LATIN) == COLD


@pytest.mark.parametrize("estimated", [True, False])
def test_a_request_that_was_answered_has_ended(estimated: bool) -> None:
    ended: list[tuple[str, str]] = []
    told(Usage(prompt_tokens=3_000, estimated=estimated), lambda *key: ended.append(key))
    assert ended == [("acme", "r1")]
