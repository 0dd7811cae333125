"""How long a replica that starts takes to know what others know: snapshots of many routes, and events since then."""

import random
import time
from typing import NamedTuple

import structlog
from prometheus_client import CollectorRegistry

from bench.classifier.answers import answered
from bench.classifier.requests import MODEL, envelope
from tests.support.nats_server import NatsServer
from tokenlane.v1.request_pb2 import Classification, Facts, Request
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.connection import connect
from tokenlane_chassis.settings import ServiceSettings
from tokenlane_classifier.estimate.estimates import Estimates
from tokenlane_classifier.estimate.route import Route
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.ledger import Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.service import estimates_of
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_classifier.snapshots import Snapshots
from tokenlane_classifier.warming import Warming

_ROUTES = 4_000
_OBSERVED = 60_000
_EVENTS = 5_000


class Warm(NamedTuple):
    """Size of the snapshots (bytes), the most processor time that one piece took to be written and to be read
    (seconds), how long the start took (seconds), and how many events were read."""

    stored_bytes: int
    longest_dump_s: float
    longest_absorb_s: float
    start_s: float
    events: int


class _Replica:
    """As much of a classifier as learns."""

    def __init__(self, bus: Bus, name: str) -> None:
        settings, log, metrics = ClassifierSettings(), structlog.get_logger(), Metrics(CollectorRegistry())
        self.estimates: Estimates = estimates_of(settings)
        self.knowledge = Knowledge(settings.lanes, self.estimates, Ledger(), metrics, log, unix_ms)
        self.shards = self.estimates.shards()
        self.snapshots = Snapshots(
            bus, self.shards, lambda: self.knowledge.learned_events + 1, name, 10, unix_ms, metrics, log
        )
        self.warming = Warming(bus, self.snapshots, self.knowledge.missed, unix_ms, log)


async def warm_start() -> Warm:
    """On a broker of its own."""
    with NatsServer() as server:
        bus = await connect(ServiceSettings(nats_url=server.url), "bench", structlog.get_logger(), lambda: None)
        old, new = _Replica(bus, "old"), _Replica(bus, "new")
        _teach(old.estimates)
        for shard in old.shards:
            await old.snapshots.visit(shard)
        await _answer(bus)
        started = time.perf_counter()
        await new.warming.start()
        took = time.perf_counter() - started
        sizes, dumps, absorbs = zip(*(_pieces(old, new)), strict=True)
        await new.warming.stop()
        await bus.close()
    return Warm(sum(sizes), max(dumps), max(absorbs), took, new.knowledge.learned_events)


def _teach(estimates: Estimates) -> None:
    dice, now = random.Random(4), unix_ms()
    for number in range(_OBSERVED):
        route = Route(f"t{number % 20}", MODEL, 1, dice.randrange(_ROUTES), 0, 0)
        estimates.output.observe(
            route, int(dice.lognormvariate(7, 1)), 1 + int(dice.lognormvariate(5, 1)), now - _OBSERVED + number
        )
    for model in range(8):
        facts = Facts(model=f"{MODEL}{model}", messages=2)
        for _ in range(100):
            found = estimates.prompt.estimate(facts, b"a body of text " * 100, 1_500)
            estimates.prompt.observe(facts, found.category, found.classes, 1_500, 400)


async def _answer(bus: Bus) -> None:
    dice = random.Random(5)
    for number in range(_EVENTS):
        tenant, encoded = envelope(number, 1_000, dice)
        event = answered(Request.FromString(encoded), Classification(lane="short", byte_classes=[1]), dice)
        await bus.publish_durable(f"usage.{tenant}", event.SerializeToString())


def _pieces(old: _Replica, new: _Replica) -> list[tuple[int, float, float]]:
    found = []
    for mine, its in zip(old.shards, new.shards, strict=True):
        before = time.process_time()
        data = mine.dump()
        between = time.process_time()
        its.absorb(data)
        found.append((len(data), between - before, time.process_time() - between))
    return found
