"""An attempt that goes on from what is known, done as a worker does it."""

from functools import partial

from tests.unit.worker.simulated import COMPLETIONS, Recorder
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto import events
from tokenlane_worker.engine.protocol import Engine, Sink
from tokenlane_worker.resume.attempt import go_on
from tokenlane_worker.resume.known import Known
from tokenlane_worker.resume.plan import Continue, Finished, Impossible, Plan, Regenerate, Restart, plan
from tokenlane_worker.resume.sinks import RegeneratedSink


def known_of(data: bytes, count: int) -> Known:
    """The first `count` events of `data`."""
    return Known(count, b"".join(events.split(data)[:count]))


def planned(path: str, body: bytes, known: Known) -> Plan:
    return plan(endpoint_of(path), body, known)


async def rest_of(engine: Engine, path: str, body: bytes, known: Known, request_id: str = "r") -> bytes:
    """What follows `known`."""
    sink = Recorder()
    # The head was shown with the first event.
    sink.status = 200 if known.events else 0
    rest = Rest(sink) if known.events else sink

    async def generate(body: bytes, sink: Sink) -> None:
        await engine.generate(path, body, sink, request_id)

    match planned(path, body, known):
        case Continue() as going:
            count = partial(engine.count_tokens, model="smollm2")
            await go_on(going, known, endpoint_of(path), body, rest, generate=generate, count_tokens=count)
        case Regenerate():
            await generate(body, RegeneratedSink(rest, known))
        case Finished(closing):
            return closing
        case Impossible(reason):
            raise AssertionError(reason)
        case Restart():
            await generate(body, rest)
    return sink.body


class Rest:
    """The sink of an answer whose head was shown."""

    def __init__(self, sink: Recorder) -> None:
        self._sink = sink
        self._heads = 0

    def head(self, status: int, content_type: str) -> None:
        self._heads += 1
        assert (status, self._heads) == (200, 1)

    def data(self, chunk: bytes) -> None:
        self._sink.data(chunk)


def endpoint_of(path: str) -> Endpoint:
    return Endpoint.ENDPOINT_COMPLETIONS if path == COMPLETIONS else Endpoint.ENDPOINT_CHAT_COMPLETIONS
