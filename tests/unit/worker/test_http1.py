"""The engine's HTTP client against a server that says exactly what a test wants."""

import asyncio
from pathlib import Path

import pytest

from tests.unit.worker.answers import HeardSink, chunked, event, eventually, whole
from tests.unit.worker.raw_server import RawConnection, raw_server
from tokenlane_worker.engine.endpoint import Endpoint
from tokenlane_worker.engine.errors import EngineLostError, EngineUnavailableError
from tokenlane_worker.engine.http1 import Http1Client

PATH = "/v1/chat/completions"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def echo(connection: RawConnection) -> None:
    while True:
        _, body = await connection.request()
        await connection.say(whole(body))


async def post(client: Http1Client, body: bytes = b"{}") -> HeardSink:
    sink = HeardSink()
    await client.post(PATH, body, sink)
    return sink


async def test_the_request_is_what_an_openai_server_expects() -> None:
    heads: list[str] = []

    async def handler(connection: RawConnection) -> None:
        head, body = await connection.request()
        heads.append(head)
        await connection.say(whole(body))

    async with raw_server(handler) as server:
        endpoint = Endpoint(host="127.0.0.1", port=server.endpoint.port, base_path="/prefix")
        client = Http1Client(endpoint, api_key="secret")
        assert (await post(client, b'{"a":1}')).body == b'{"a":1}'
        client.close()
    lines = heads[0].splitlines()
    assert lines[0] == "POST /prefix/v1/chat/completions HTTP/1.1"
    assert {"Host: " + endpoint.host_header, "Authorization: Bearer secret", "Content-Type: application/json"} <= set(
        lines
    )


async def test_a_large_body_goes_through(tmp_path: Path) -> None:
    async with raw_server(echo, tmp_path / "s") as server:
        client, body = Http1Client(server.endpoint), b"x" * 3_000_000
        assert (await post(client, body)).body == body
        client.close()


async def test_connections_are_used_again() -> None:
    async with raw_server(echo) as server:
        client = Http1Client(server.endpoint)
        for _ in range(5):
            await post(client)
        assert (server.connections, client.idle_connections) == (1, 1)
        await asyncio.gather(*(post(client) for _ in range(8)))
        assert server.connections <= 8
        client.close()


async def test_an_idle_connection_the_server_closed_is_forgotten() -> None:
    async def once(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(whole(b"{}"))

    async with raw_server(once) as server:
        client = Http1Client(server.endpoint)
        await post(client)
        await eventually(lambda: client.idle_connections == 0)
        await post(client)
        assert server.connections == 2
        client.close()


async def test_a_connection_that_breaks_on_its_second_request_is_tried_again_once() -> None:
    async def answers_once_then_hangs_up(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(whole(b"{}"))
        await connection.request()

    async with raw_server(answers_once_then_hangs_up) as server:
        client = Http1Client(server.endpoint)
        await post(client)
        assert (await post(client)).heads == [(200, "application/json")]
        assert server.connections == 2
        client.close()


async def test_a_request_that_may_have_broken_the_engine_does_not_count_as_unsent() -> None:
    served = asyncio.Event()

    async def answers_once_then_breaks(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(whole(b"{}"))
        await connection.request()
        served.set()

    async with raw_server(answers_once_then_breaks) as server:
        client = Http1Client(server.endpoint)
        await post(client)
        server.stop_accepting()
        with pytest.raises(EngineLostError):
            await post(client)
        assert served.is_set()


async def test_a_fresh_connection_that_breaks_is_not_tried_again() -> None:
    async def hangs_up(connection: RawConnection) -> None:
        await connection.request()

    async with raw_server(hangs_up) as server:
        client = Http1Client(server.endpoint)
        with pytest.raises(EngineLostError):
            await post(client)
        assert server.connections == 1


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{}",
        STREAM_HEAD + b"9\r\ndata: 1\n\n\r\n",
        b"what is this\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_is_a_lost_engine(said: bytes) -> None:
    async def breaks(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(said)

    async with raw_server(breaks) as server:
        client = Http1Client(server.endpoint)
        with pytest.raises(EngineLostError):
            await post(client)
        assert client.idle_connections == 0


async def test_a_reused_connection_that_breaks_in_mid_answer_is_not_tried_again() -> None:
    async def breaks_on_the_second(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(whole(b"{}"))
        await connection.request()
        await connection.say(STREAM_HEAD + b"9\r\ndata: 1\n\n\r\n")

    async with raw_server(breaks_on_the_second) as server:
        client, sink = Http1Client(server.endpoint), HeardSink()
        await post(client)
        with pytest.raises(EngineLostError):
            await client.post(PATH, b"{}", sink)
        assert sink.body == b"data: 1\n\n"
        assert server.connections == 1


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async def old_style(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n{}")

    async with raw_server(old_style) as server:
        client = Http1Client(server.endpoint)
        assert (await post(client)).body == b"{}"
        assert client.idle_connections == 0


async def test_nobody_there_is_unavailable(tmp_path: Path) -> None:
    async with raw_server(echo) as server:
        gone = server.endpoint
    for endpoint in (gone, Endpoint(socket_path=str(tmp_path / "none.sock"))):
        with pytest.raises(EngineUnavailableError, match="no connection to the engine"):
            await post(Http1Client(endpoint))


async def test_cancelling_closes_the_connection() -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def never_ends(connection: RawConnection) -> None:
        await connection.request()
        await connection.say(STREAM_HEAD)
        asked.set()
        await connection.closed()
        closed.set()

    async with raw_server(never_ends) as server:
        client = Http1Client(server.endpoint)
        call = asyncio.create_task(post(client))
        await asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):
            await closed.wait()
        assert client.idle_connections == 0


async def test_events_arrive_while_the_answer_goes_on() -> None:
    heard = asyncio.Event()

    class WakingSink(HeardSink):
        def data(self, chunk: bytes) -> None:
            super().data(chunk)
            heard.set()

    async def waits_for_the_reader(connection: RawConnection) -> None:
        await connection.request()
        first, rest = chunked([event("1"), event("2")]).split(b"9\r\ndata: 2")
        await connection.say(first)
        await heard.wait()
        await connection.say(b"9\r\ndata: 2" + rest)

    async with raw_server(waits_for_the_reader) as server:
        client, sink = Http1Client(server.endpoint), WakingSink()
        async with asyncio.timeout(5):
            await client.post(PATH, b"{}", sink)
        assert sink.chunks == [event("1"), event("2")]
        client.close()


async def test_a_sink_that_fails_ends_the_call_and_the_connection() -> None:
    class BrokenSink(HeardSink):
        def data(self, chunk: bytes) -> None:
            raise RuntimeError("full")

    async with raw_server(echo) as server:
        client = Http1Client(server.endpoint)
        with pytest.raises(RuntimeError, match="full"):
            await client.post(PATH, b"{}", BrokenSink())
        assert client.idle_connections == 0


async def test_closing_the_client_ends_the_calls_in_flight() -> None:
    asked = asyncio.Event()

    async def silent(connection: RawConnection) -> None:
        await connection.request()
        asked.set()
        await connection.closed()

    async with raw_server(silent) as server:
        client = Http1Client(server.endpoint)
        call = asyncio.create_task(post(client))
        await asked.wait()
        client.close()
        with pytest.raises(EngineLostError):
            await call
