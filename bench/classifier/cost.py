"""The decision by itself: from a delivery's bytes to lane and budget, and what an answer's event costs. One core."""

import random
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.classifier.answers import answered
from bench.classifier.requests import MODEL, body, envelope
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane.v1.request_pb2 import Request
from tokenlane_classifier.decision import Forward, Wish, decide
from tokenlane_classifier.estimate.estimates import Estimates
from tokenlane_classifier.lanes import ModelLanes
from tokenlane_classifier.reading import read
from tokenlane_classifier.registry import Registry
from tokenlane_classifier.service import estimates_of
from tokenlane_classifier.settings import ClassifierSettings

_NOW = 1_700_000_000_000
_LEARNED = 3_000
_KINDS = 40
_REPEATS = 100


@dataclass
class _Delivery:
    """As much of a delivery as is read."""

    data: bytes
    subject: str = "requests.t0"
    headers: dict[str, str] = field(default_factory=dict)
    attempt: int = 1
    stream_seq: int = 1
    lost: bool = False

    def ack(self) -> None: ...
    def nak(self, delay_s: float = 0) -> None: ...
    def in_progress(self) -> None: ...


def costs() -> dict[str, float]:
    """Microseconds by what is done: the least of many rounds, on average over different bodies."""
    settings = ClassifierSettings()
    registry = Registry(settings.lanes)
    for lane, length in (("short", 16_384), ("long", 131_072)):
        registry = registry.updated(lane, LaneProfile(lane=lane, model=MODEL, max_model_len=length))
    estimates, dice = estimates_of(settings), random.Random(1)
    events = [_learned(estimates, registry.models, number, dice) for number in range(_LEARNED)][-_KINDS:]
    found: dict[str, float] = {}
    for name, size in (("4 KB", 4_096), ("256 KB", 262_144)):
        kinds = _KINDS if size < 10_000 else 4
        encoded = [_Delivery(envelope(number, size, dice)[1]) for number in range(kinds)]
        bare = [_Delivery(body(size, dice)) for _ in range(kinds)]
        found[f"decide, {name}"] = _each(encoded, lambda one: _decided(one, estimates, registry.models))
        found[f"parse and decide a bare body, {name}"] = _each(
            bare, lambda one: _decided(one, estimates, registry.models)
        )
    found["learn from an answer"] = _each(events, lambda one: estimates.learn("t0", one, _NOW))
    return found


def _each(what: list[object] | list[_Delivery] | list[UsageEvent], do: Callable[..., object]) -> float:
    def once() -> None:
        for one in what:
            do(one)

    # Processor time, in short rounds: the least of them was hardly disturbed.
    return min(timeit.repeat(once, timer=time.process_time, number=1, repeat=_REPEATS)) / len(what) * 1e6


def _decided(delivery: _Delivery, estimates: Estimates, models: Mapping[str, ModelLanes]) -> Forward:
    decision = decide("t0", read(delivery, "t0", _NOW).request, models, estimates, _NOW)
    assert isinstance(decision, Forward)
    return decision


def _learned(estimates: Estimates, models: Mapping[str, ModelLanes], number: int, dice: random.Random) -> UsageEvent:
    tenant, encoded = envelope(number, dice.choice((400, 2_000, 8_000)), dice)
    request = Request.FromString(encoded)
    decision = decide(tenant, request, models, estimates, _NOW)
    assert isinstance(decision, Forward)
    event = answered(request, decision.classification(_NOW, Wish(1_000)), dice)
    estimates.learn(tenant, event, _NOW + number)
    return event
