"""An OpenAI server that answers at once: 32 tokens, whole, streamed, or streamed at a pace.

python -m bench.overhead.upstream    # prints its port
"""

import asyncio

import httptools
import uvloop

_BODY = (
    b'{"id":"chatcmpl-0","object":"chat.completion","created":0,"model":"instant","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"' + b"token " * 32 + b'"},"finish_reason":"length"}],'
    b'"usage":{"prompt_tokens":16,"completion_tokens":32,"total_tokens":48}}'
)
_EVENT = (
    b'data: {"id":"chatcmpl-0","object":"chat.completion.chunk","created":0,"model":"instant",'
    b'"choices":[{"index":0,"delta":{"content":"token "},"finish_reason":null}]}\n\n'
)
_MODELS = b'{"object":"list","data":[{"id":"instant","object":"model","owned_by":"bench","max_model_len":8192}]}'
# Between two tokens of a paced stream.
_STEP_S = 0.002
_METRICS = b'vllm:cache_config_info{block_size="16",num_gpu_blocks="10000001"} 1.0\n'


def _response(body: bytes, content_type: bytes = b"application/json") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n%b" % (content_type, len(body), body)


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_STREAM_END = _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
_ANSWERS = {b"/v1/models": _response(_MODELS), b"/metrics": _response(_METRICS, b"text/plain; version=0.0.4")}
_PLAIN = _response(_BODY)


class Steps:
    """As an engine does: a token to each running stream at each step."""

    def __init__(self) -> None:
        self._left: dict[asyncio.WriteTransport, int] = {}

    def join(self, transport: asyncio.WriteTransport) -> None:
        """Begin a stream with the next step."""
        if not self._left:
            asyncio.get_running_loop().call_later(_STEP_S, self._step)
        self._left[transport] = 32

    def _step(self) -> None:
        for transport, left in list(self._left.items()):
            transport.write(_chunk(_EVENT) if left else _STREAM_END)
            if left:
                self._left[transport] = left - 1
            else:
                del self._left[transport]
        if self._left:
            asyncio.get_running_loop().call_later(_STEP_S, self._step)


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        write = self._transport.write  # type: ignore[attr-defined]
        if not self._url.endswith(b"completions"):
            write(_ANSWERS.get(self._url, _response(b"{}")))
        elif b'"stream":true' not in self._body:
            write(_PLAIN)
        elif b'"paced":true' in self._body:
            write(_STREAM_HEAD)
            self._steps.join(self._transport)  # type: ignore[arg-type]
        else:
            write(_STREAM_HEAD)
            for _ in range(32):
                write(_chunk(_EVENT))
            write(_STREAM_END)


async def _main() -> None:
    steps = Steps()
    server = await asyncio.get_running_loop().create_server(lambda: Upstream(steps), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
