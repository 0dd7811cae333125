"""An answer that is gone on with, on an engine that does what a test says."""

import json
from functools import partial

import pytest

from tests.support.engines import ScriptedEngine
from tests.unit.worker.answers import HeardSink
from tests.unit.worker.chunks import DONE, ROLE, delta
from tests.unit.worker.resuming import known_of
from tests.unit.worker.simulated import CHAT, chat
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.resume.attempt import go_on
from tokenlane_worker.resume.plan import Continue
from tokenlane_worker.resume.sinks import DivergedError

SHOWN = [ROLE, delta("Hello"), delta(" there")]
KNOWN = known_of(b"".join(SHOWN), 3)
SSE = "text/event-stream; charset=utf-8"
LAST_WORD_AGAIN = Continue("Hello", 1, " there", 1)


async def gone_on(engine: ScriptedEngine, going: Continue, body: bytes) -> HeardSink:
    heard = HeardSink()
    await go_on(
        going,
        KNOWN,
        Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        body,
        heard,
        generate=partial(engine.generate, CHAT),
        count_tokens=partial(engine.count_tokens, model="m"),
    )
    return heard


def asked_for(engine: ScriptedEngine) -> list[tuple[str, int]]:
    """The text that was to be continued, and max_tokens, of each call."""
    bodies = map(json.loads, engine.calls)
    return [(body["messages"][-1]["content"], body["max_tokens"]) for body in bodies]


@pytest.mark.parametrize(("counted", "left"), [(None, 7), (3, 6)])
async def test_a_continuation_has_what_is_left_of_max_tokens(counted: int | None, left: int) -> None:
    engine = ScriptedEngine()
    engine.tokens, engine.streamed = counted, [ROLE, delta(", you")]
    heard = await gone_on(engine, Continue("Hello there", 2), chat(max_tokens=9))
    assert (heard.heads, heard.body) == ([(200, SSE)], delta(", you") + DONE)
    assert asked_for(engine) == [("Hello there", left)]


async def test_without_tokens_left_no_engine_is_asked() -> None:
    engine = ScriptedEngine()
    heard = await gone_on(engine, Continue("Hello there", 2), chat(max_tokens=2))
    assert engine.calls == []
    assert heard.body.endswith(b'"finish_reason":"length"}]}\n\n' + DONE)


async def test_without_text_the_request_is_run_as_it_is() -> None:
    engine, body = ScriptedEngine(), chat(max_tokens=2)
    engine.streamed = [*SHOWN, delta("!")]
    assert (await gone_on(engine, Continue("", 0, "Hello there", 2), body)).body == delta("!") + DONE
    assert engine.calls == [body]


async def test_a_word_that_comes_again_is_not_shown_again() -> None:
    engine = ScriptedEngine()
    engine.streamed = [ROLE, delta(" th"), delta("ere, you")]
    assert (await gone_on(engine, LAST_WORD_AGAIN, chat(max_tokens=9))).body == delta(", you") + DONE
    assert asked_for(engine) == [("Hello", 8)]


async def test_a_word_that_comes_out_differently_is_gone_on_with_as_it_was_shown() -> None:
    class Engine(ScriptedEngine):
        async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
            self.streamed = [ROLE, delta(", you" if self.calls else " again")]
            await super().generate(path, body, sink, request_id)

    engine = Engine()
    heard = await gone_on(engine, LAST_WORD_AGAIN, chat(max_tokens=9))
    assert (heard.heads, heard.body) == ([(200, SSE)], delta(", you") + DONE)
    assert asked_for(engine) == [("Hello", 8), ("Hello there", 7)]


@pytest.mark.parametrize(("going", "calls"), [(Continue("Hello there", 2), 1), (LAST_WORD_AGAIN, 2)])
async def test_an_engine_that_refuses_to_go_on_diverges(going: Continue, calls: int) -> None:
    engine = ScriptedEngine()
    with pytest.raises(DivergedError):
        await gone_on(engine, going, chat())
    assert len(engine.calls) == calls
