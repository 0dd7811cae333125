"""One trace through every process, its context carried in HTTP and message headers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.local_stack import LocalStack

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, as a collector does. `spans` are pairs of service and span."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiver)
        self.spans: Queue[tuple[str, Span]] = Queue()


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        export = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        for resource in export.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.server.spans.put((service, span))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_sampled_request_is_one_trace_and_an_unsampled_one_is_none(collector: Collector) -> None:
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with LocalStack("--engine", "sim", "--no-autoscaler", env=env) as stack:
        body = {"model": stack.model, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 4}
        for flags in ("00", "01"):
            headers = {"authorization": f"Bearer {stack.key}", "traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
            assert httpx.post(f"{stack.url}/v1/chat/completions", json=body, headers=headers).status_code == 200
        found = dict(collector.spans.get(timeout=20) for _ in range(3))
    assert collector.spans.empty()
    assert set(found) == {"tokenlane-ingress", "tokenlane-classifier", "tokenlane-worker-short"}
    assert {span.trace_id.hex() for span in found.values()} == {TRACE}
    door = found["tokenlane-ingress"]
    assert door.parent_span_id.hex() == PARENT
    assert found["tokenlane-classifier"].parent_span_id == door.span_id
    assert found["tokenlane-worker-short"].parent_span_id == found["tokenlane-classifier"].span_id
