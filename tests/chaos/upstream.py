"""An OpenAI server whose streams go on until they are told to end, and that says when one was given up.

    python -m tests.chaos.upstream    # prints its port, then "gone <number> <monotonic seconds>" a stream

The number is the body's field "user". Any line on its standard input ends the streams that are left.
"""

import asyncio
import re
import sys
import time

import httptools
import uvloop

_STEP_S = 1.0
_NUMBER = re.compile(rb'"user": ?"(\d+)"')
_MODELS = b'{"object":"list","data":[{"id":"sim","object":"model","owned_by":"test","max_model_len":8192}]}'
_METRICS = b'vllm:cache_config_info{block_size="16",num_gpu_blocks="10000001"} 1.0\n'
_EVENT = (
    b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":0,"model":"sim",'
    b'"choices":[{"index":0,"delta":{"content":"on "},"finish_reason":null}]}\n\n'
)


def _response(body: bytes, content_type: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (content_type, len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_STREAM_END = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Streams:
    """The streams that run, by connection."""

    def __init__(self) -> None:
        self._running: dict[asyncio.WriteTransport, str] = {}

    def begin(self, transport: asyncio.WriteTransport, number: str) -> None:
        """A stream begins."""
        self._running[transport] = number
        transport.write(_STREAM_HEAD + _chunk(_EVENT))

    def lost(self, transport: asyncio.WriteTransport) -> None:
        """A connection is closed."""
        number = self._running.pop(transport, None)
        if number is not None:
            print("gone", number, time.monotonic(), flush=True)

    def end(self) -> None:
        """All that are left are answered."""
        for transport in self._running:
            transport.write(_STREAM_END)
        self._running.clear()

    async def step(self) -> None:
        """For ever: a token to each."""
        while True:
            await asyncio.sleep(_STEP_S)
            for transport in self._running:
                transport.write(_chunk(_EVENT))


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._streams.lost(self._transport)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        number = _NUMBER.search(self._body)
        if number is not None:
            self._streams.begin(self._transport, number[1].decode())
        elif self._url == b"/metrics":
            self._transport.write(_response(_METRICS, b"text/plain; version=0.0.4"))
        else:
            self._transport.write(_response(_MODELS if self._url == b"/v1/models" else b"{}"))


def _told(streams: Streams) -> None:
    sys.stdin.readline()
    streams.end()


async def _main() -> None:
    streams = Streams()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(streams), "127.0.0.1", 0, backlog=2048)
    loop.add_reader(sys.stdin.fileno(), _told, streams)
    print(server.sockets[0].getsockname()[1], flush=True)
    await streams.step()


if __name__ == "__main__":
    uvloop.run(_main())
