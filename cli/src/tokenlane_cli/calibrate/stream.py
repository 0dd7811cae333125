"""One streamed completion, with the time of every token."""

import time
from dataclasses import dataclass

import aiohttp
import msgspec

from tokenlane_cli.errors import UsageError
from tokenlane_cli.replay.sse import error_message

PATH = "/v1/completions"
_TOO_LARGE = (400, 413, 422)


class RefusedError(UsageError):
    """The server does not take this request; it may take another."""


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Event(msgspec.Struct, frozen=True):
    choices: list[msgspec.Raw] = []
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


_decoder = msgspec.json.Decoder(_Event)


@dataclass(frozen=True, slots=True)
class Streamed:
    """`began` and `events` on the same clock, seconds; an event is a token, or several that came together.

    Token counts are 0 where the server did not say."""

    began: float
    events: tuple[float, ...]
    prompt_tokens: int
    output_tokens: int


class Completions:
    """Asks one server. `url` without the path."""

    def __init__(self, http: aiohttp.ClientSession, url: str, model: str) -> None:
        self._http = http
        self._url = url + PATH
        self._model = model

    async def stream(self, prompt: str, output_tokens: int) -> Streamed:
        """Raises RefusedError, and UsageError for what the server breaks or where it does not stream."""
        body = {
            "model": self._model,
            "prompt": prompt,
            "max_tokens": output_tokens,
            "temperature": 0,
            "ignore_eos": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        began = time.perf_counter()
        try:
            async with self._http.post(self._url, data=msgspec.json.encode(body)) as response:
                if response.status != 200:
                    said = f"{self._url} answered {response.status}: {error_message(await response.read())}"
                    raise RefusedError(said) if response.status in _TOO_LARGE else UsageError(said)
                if response.content_type != "text/event-stream":
                    raise UsageError(f"{self._url} does not stream: it answered {response.content_type}")
                return await _read(response.content, began)
        except (aiohttp.ClientError, OSError) as error:
            raise UsageError(f"{self._url}: {error or type(error).__name__}") from None


async def _read(content: aiohttp.StreamReader, began: float) -> Streamed:
    events: list[float] = []
    usage = _Usage()
    left = b""
    while chunk := await content.readany():
        now = time.perf_counter()
        *whole, left = (left + chunk.replace(b"\r\n", b"\n")).split(b"\n\n")
        for raw in whole:
            event = _parse(raw)
            if event is None:
                continue
            if event.error:
                raise UsageError(
                    f"the engine failed in mid-stream: {bytes(event.error)[:200].decode(errors='replace')}"
                )
            usage = event.usage or usage
            if event.choices:
                events.append(now)
    return Streamed(began, tuple(events), usage.prompt_tokens, usage.completion_tokens)


def _parse(raw: bytes) -> _Event | None:
    """None for comments, the end mark, and what is no JSON object."""
    if not raw.startswith(b"data:") or raw.endswith(b"[DONE]"):
        return None
    try:
        return _decoder.decode(raw[5:])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
