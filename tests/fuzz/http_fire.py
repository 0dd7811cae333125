"""Raw HTTP requests, many at once, and what came back."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import httptools

_ANSWER_S = 60


class Shot(NamedTuple):
    """One request. Header values are written as they are, in latin-1."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def encode(self, key: str) -> bytes:
        """The request's bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: fuzz", f"authorization: Bearer {key}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        head = "\r\n".join([*lines, f"content-length: {len(self.body)}", "", ""])
        return head.encode("latin-1") + self.body


@dataclass(slots=True)
class Fired:
    """`statuses`: answers by status; 0: the server closed the connection. `wrong`: what no request may cause."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


class _Answer:
    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.done = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        # "100 Continue" comes ahead of the answer.
        self.done = self.parser.get_status_code() >= 200


async def fire(url: str, shots: list[Shot], key: str, at_once: int = 24) -> Fired:
    """Send all of them, each connection one after the other."""
    host, port = url.removeprefix("http://").split(":")
    fired, left = Fired(), iter(shots)
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(_connection(host, int(port), left, key, fired))
    return fired


async def _connection(host: str, port: int, left: Iterator[Shot], key: str, fired: Fired) -> None:
    reader = writer = None
    for shot in left:
        if writer is None or writer.is_closing():
            reader, writer = await asyncio.open_connection(host, port, limit=1 << 24)
        assert reader is not None
        try:
            async with asyncio.timeout(_ANSWER_S):
                status, body, keep = await _exchange(reader, writer, shot, key)
        except TimeoutError:
            fired.wrong.append(f"no answer within {_ANSWER_S} s to {_short(shot)}")
            status, body, keep = -1, b"", False
        except (ConnectionError, httptools.HttpParserError):
            status, body, keep = 0, b"", False
        fired.statuses[status] += 1
        if complaint := _judge(status, body):
            fired.wrong.append(f"{complaint} to {_short(shot)}")
        if not keep:
            writer.close()
    if writer is not None:
        writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, shot: Shot, key: str
) -> tuple[int, bytes, bool]:
    writer.write(shot.encode(key))
    answer = _Answer()
    while not answer.done:
        data = await reader.read(1 << 16)
        if not data:
            raise ConnectionResetError
        answer.parser.feed_data(data)
    return answer.parser.get_status_code(), answer.body, answer.parser.should_keep_alive()


def _judge(status: int, body: bytes) -> str:
    """What is wrong with an answer; empty if nothing is."""
    if status == 500 or status > 504:
        return f"status {status} {body[:200]!r}"
    if status >= 400:
        try:
            if not json.loads(body)["error"]["message"]:
                return f"status {status} without a message"
        except (ValueError, KeyError, TypeError):
            return f"status {status} that is no error of OpenAI's shape: {body[:200]!r}"
    return ""


def _short(shot: Shot) -> str:
    return f"{shot.method} {shot.path} {dict(shot.headers)} {shot.body[:300]!r}"
