"""A sampled request's trace goes on through the classifier."""

import asyncio

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.support.waiting import until
from tests.unit.classifier.conftest import context_on, dispatched, idle_worker, register_lanes
from tests.unit.classifier.test_service import envelope, settled
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.tracing import Tracing
from tokenlane_classifier.service import serve
from tokenlane_proto import headers, topology

TRACE, PARENT = "a" * 32, "b" * 16


async def lane_traceparent(sent: str, tracing: Tracing) -> str:
    bus = FakeBus()
    await register_lanes(bus)
    await idle_worker(bus)
    context = context_on(bus, tracing)
    service = asyncio.create_task(serve(context))
    await until(lambda: context.readiness.ready)
    await dispatched(bus)
    await bus.publish_durable("requests.acme", envelope(), {headers.TRACEPARENT: sent})
    await settled(bus)
    context.stopping.set()
    await service
    (subject,) = await bus.subject_counts(topology.LANES, ">")
    message = await bus.last(topology.LANES, subject)
    assert message is not None
    return message.headers[headers.TRACEPARENT]


async def test_a_sampled_request_gets_a_span() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing("classifier", exporter)
    onward = await lane_traceparent(f"00-{TRACE}-{PARENT}-01", tracing)
    tracing.close()
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert str(span.attributes["messaging.destination.name"]).startswith("lanes.short.short.m%2Fx%2Ey.acme.")
    assert onward == f"00-{TRACE}-{span.context.span_id:016x}-01"
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT


async def test_an_unsampled_request_keeps_its_parent() -> None:
    sent = f"00-{TRACE}-{PARENT}-00"
    assert await lane_traceparent(sent, Tracing("classifier", InMemorySpanExporter())) == sent
