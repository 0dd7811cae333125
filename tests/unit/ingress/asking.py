"""Asking an ASGI application without a server."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tokenlane_ingress.app import App


@dataclass
class Answer:
    """What the application sent. `parts` are the body as it was written."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    parts: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert sorted(error) == ["code", "message", "param", "type"]
        return error


class Asking:
    """One request to `app`. `leave` is the client closing its connection;
    without `complete` the body never ends."""

    def __init__(
        self,
        app: App,
        path: str,
        body: bytes | Sequence[bytes] = b"",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        complete: bool = True,
    ) -> None:
        self.answer = Answer()
        self._app = app
        self._chunks = [body] if isinstance(body, bytes) else list(body)
        # The same parts as they come.
        self.written: asyncio.Queue[bytes] = asyncio.Queue()
        self._complete = complete
        self._over = asyncio.Event()
        fields = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
        path, _, query = path.partition("?")
        self._scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": fields,
        }

    async def __call__(self) -> Answer:
        await self._app(self._scope, self._receive, self._send)
        return self.answer

    def leave(self) -> None:
        self._over.set()

    async def _receive(self) -> dict[str, Any]:
        if self._chunks:
            return {
                "type": "http.request",
                "body": self._chunks.pop(0),
                "more_body": bool(self._chunks) or not self._complete,
            }
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            assert not self.answer.status, "a second start"
            self.answer.status = message["status"]
            self.answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        assert self.answer.status, "a body before the start"
        assert not self._over.is_set(), "a body after the end"
        if message["body"]:
            self.answer.parts.append(message["body"])
            self.written.put_nowait(message["body"])
        if not message.get("more_body", False):
            self._over.set()
