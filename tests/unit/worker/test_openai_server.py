"""The engine named by URL: what it asks of the server, and when it refuses to start."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.unit.worker.answers import HeardSink, chunked, event, whole
from tests.unit.worker.raw_server import RawConnection, raw_server
from tokenlane_worker.engine.errors import EngineLostError, EngineStartError, EngineUnavailableError
from tokenlane_worker.engine.openai_server import OpenAIServerConfig, OpenAIServerEngine
from tokenlane_worker.engine.protocol import EngineInfo

METRICS = 'vllm:cache_config_info{block_size="16",num_gpu_blocks="11"} 1.0\nvllm:num_requests_running 3.0\n'
VLLM = {
    "/health": whole(b""),
    "/v1/models": whole(b'{"data":[{"id":"m","max_model_len":128},{"id":"n","max_model_len":64}]}'),
    "/metrics": whole(METRICS.encode()),
}
PLAIN = {"/v1/models": whole(b'{"data":[{"id":"m"}]}')}
COLLAPSE = event(json.dumps({"error": {"message": "EngineCore encountered an issue", "code": 500}}))


@asynccontextmanager
async def server(answers: dict[str, bytes]) -> AsyncIterator[OpenAIServerConfig]:
    """`answers` by path; what is not there is 404."""

    async def handler(connection: RawConnection) -> None:
        while True:
            head, _ = await connection.request()
            await connection.say(answers.get(head.split()[1], whole(b"{}", "404 Not Found")))

    async with raw_server(handler) as raw:
        yield OpenAIServerConfig(url=f"{raw.endpoint}/v1", start_timeout_s=0.2)


async def test_vllm_is_asked_for_everything() -> None:
    async with server(VLLM) as config:
        engine = OpenAIServerEngine(config)
        assert await engine.start() == EngineInfo("m", 128, 160, 16, 256, simulated=False)
        assert (await engine.stats()).running == 3
        await engine.stop()


async def test_a_model_can_be_chosen_by_name() -> None:
    async with server(VLLM) as config:
        engine = OpenAIServerEngine(replace(config, model="n"))
        assert (await engine.start()).max_model_len == 64
        await engine.stop()
        with pytest.raises(EngineStartError, match="does not serve x; it serves: m, n"):
            await OpenAIServerEngine(replace(config, model="x")).start()


async def test_another_server_needs_to_be_told_its_limits() -> None:
    async with server(PLAIN) as config:
        with pytest.raises(EngineStartError, match="set kv_capacity_tokens"):
            await OpenAIServerEngine(config).start()
        with pytest.raises(EngineStartError, match="set max_model_len"):
            await OpenAIServerEngine(replace(config, kv_capacity_tokens=1000)).start()
        engine = OpenAIServerEngine(replace(config, kv_capacity_tokens=1000, max_model_len=100, max_num_seqs=4))
        assert await engine.start() == EngineInfo("m", 100, 1000, 16, 4, simulated=False)
        await engine.stop()


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (whole(b"{}", "401 Unauthorized"), "answered 401 when asked for its models"),
        (whole(b"<html>"), "list of models cannot be read"),
    ],
)
async def test_a_server_that_is_no_openai_server_is_named(models: bytes, message: str) -> None:
    async with server({"/v1/models": models}) as config:
        with pytest.raises(EngineStartError, match=message):
            await OpenAIServerEngine(config).start()


async def test_nobody_there_refuses_to_start() -> None:
    async with server(VLLM) as config:
        url = config.url
    with pytest.raises(EngineStartError, match=r"no healthy engine at http://127\.0\.0\.1:\d+ within 0\.2 s"):
        await OpenAIServerEngine(OpenAIServerConfig(url=url, start_timeout_s=0.2)).start()


async def test_an_engine_that_collapses_in_mid_stream_is_lost() -> None:
    answers = {"/health": whole(b"", "503 Gone"), "/v1/completions": chunked([event("1"), COLLAPSE, event("[DONE]")])}
    async with server(answers) as config:
        engine, sink = OpenAIServerEngine(config), HeardSink()
        with pytest.raises(EngineLostError):
            await engine.generate("/v1/completions", b"{}", sink)
        assert sink.body == event("1")
        await engine.stop()


async def test_an_error_of_an_engine_that_still_stands_is_an_answer() -> None:
    answers = {"/health": whole(b""), "/v1/completions": whole(b'{"error":{}}', "500 Oops")}
    async with server(answers) as config:
        engine, sink = OpenAIServerEngine(config), HeardSink()
        await engine.generate("/v1/completions", b"{}", sink)
        assert (sink.heads, sink.body) == ([(500, "application/json")], b'{"error":{}}')
        await engine.stop()


@pytest.mark.parametrize("status", ["503 Busy", "429 Too Many Requests"])
async def test_a_server_that_is_overloaded_is_unavailable(status: str) -> None:
    async with server({"/v1/completions": whole(b"", status)}) as config:
        engine, sink = OpenAIServerEngine(config), HeardSink()
        with pytest.raises(EngineUnavailableError):
            await engine.generate("/v1/completions", b"{}", sink)
        assert sink.heads == []
        await engine.stop()


async def test_a_server_named_by_url_is_never_given_up() -> None:
    engine = OpenAIServerEngine(OpenAIServerConfig(url="http://127.0.0.1:9"))
    dead = asyncio.create_task(engine.wait_dead())
    await engine.stop()
    done, _ = await asyncio.wait([dead], timeout=0.05)
    assert not done
    dead.cancel()


def test_the_key_is_not_printed() -> None:
    assert "secret" not in repr(OpenAIServerConfig(url="http://h", api_key="secret"))


async def test_the_request_id_goes_along() -> None:
    heads: list[str] = []

    async def handler(connection: RawConnection) -> None:
        for _ in range(2):
            heads.append((await connection.request())[0])
            await connection.say(whole(b"{}"))

    async with raw_server(handler) as raw:
        engine = OpenAIServerEngine(OpenAIServerConfig(url=f"{raw.endpoint}"))
        await engine.generate("/v1/completions", b"{}", HeardSink(), "k-1")
        await engine.generate("/v1/completions", b"{}", HeardSink())
        await engine.stop()
    assert "\r\nX-Request-Id: k-1\r\n" in heads[0]
    assert "X-Request-Id" not in heads[1]


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (whole(b'{"count":3,"max_model_len":8,"tokens":[1,2,3]}'), 3),
        (whole(b"{}"), None),
        (whole(b"\xff"), None),
        (whole(b"{}", "404 Not Found"), None),
        (b"nonsense", None),
    ],
)
async def test_tokens_are_counted_where_the_server_can(answer: bytes, count: int | None) -> None:
    async with server({"/tokenize": answer}) as config:
        engine = OpenAIServerEngine(config)
        assert await engine.count_tokens("Hello there", "m") == count
        await engine.stop()
