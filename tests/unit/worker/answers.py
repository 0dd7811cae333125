"""What the tests of the engine client say and hear."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tokenlane_worker.engine.backoff import until


@dataclass
class HeardSink:
    heads: list[tuple[int, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)

    def head(self, status: int, content_type: str) -> None:
        self.heads.append((status, content_type))

    def data(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


async def eventually(condition: Callable[[], bool]) -> None:
    """Return once `condition` holds. Raises TimeoutError."""

    async def holds() -> bool:
        return condition()

    if not await until(holds, 10):
        raise TimeoutError


def whole(body: bytes, status: str = "200 OK", extra: bytes = b"", content_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"
    return head % (status.encode(), content_type, len(body), extra) + body


def chunked(parts: list[bytes], content_type: bytes = b"text/event-stream; charset=utf-8") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % content_type
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def event(text: str) -> bytes:
    return f"data: {text}\n\n".encode()
