"""Spans at the door."""

from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tokenlane_chassis.tracing import Tracing
from tokenlane_ingress.spans import NOT_RECORDED, UNTRACED, Spans

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_span_continues_the_clients_trace_and_goes_along_with_the_request() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing("ingress", exporter)
    span = Spans(tracing).start("chat_completions", "m", "r1", PARENT.encode())
    span.end(200)
    tracing.close()
    (recorded,) = exporter.get_finished_spans()
    assert recorded.context is not None
    assert f"{recorded.context.trace_id:032x}" == PARENT[3:35]
    assert span.headers == {"traceparent": f"00-{PARENT[3:35]}-{recorded.context.span_id:016x}-01"}
    assert recorded.attributes is not None
    assert recorded.attributes["gen_ai.request.model"] == "m"
    assert recorded.attributes["http.response.status_code"] == 200


def test_what_the_client_does_not_record_is_not_recorded_here() -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing("ingress", exporter)
    spans = Spans(tracing)
    assert spans.start("completions", "m", "r1", PARENT[:-2].encode() + b"00") is NOT_RECORDED
    root = spans.start("completions", "m", "r2", None)
    root.end(0)
    tracing.close()
    assert root.headers
    assert [span.name for span in exporter.get_finished_spans()] == ["text_completion m"]


def test_without_tracing_nothing_is_made() -> None:
    spans = Spans(Tracing("ingress", None))
    assert spans.start("completions", "m", "r1", None) is UNTRACED
    assert spans.start("completions", "m", "r1", PARENT.encode()).headers == {"traceparent": PARENT}
