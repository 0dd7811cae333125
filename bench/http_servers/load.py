"""A load generator that costs little: prepared bytes out, the end of the answer found in what comes in."""

import asyncio
from typing import cast

from bench.http_servers.payloads import REQUEST_BODY

_LAST_CHUNK = b"\r\n0\r\n\r\n"


def request_bytes(path: str) -> bytes:
    """A keep-alive POST of the 1 KB JSON body."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer sk-bench\r\ncontent-length: {len(REQUEST_BODY)}\r\n\r\n"
    )
    return head.encode() + REQUEST_BODY


class ClosedLoop(asyncio.Protocol):
    """One connection that asks again as soon as it was answered, until `stop`."""

    def __init__(self, request: bytes) -> None:
        self.answered = 0
        self.stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._received = bytearray()
        self._stopping = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not _is_complete(self._received):
            return
        if not self._received.startswith(b"HTTP/1.1 200"):
            self.stopped.set_exception(RuntimeError(f"answered {bytes(self._received[:200])!r}"))
            return
        self.answered += 1
        self._received.clear()
        assert self._transport is not None
        if self._stopping:
            self._transport.close()
        else:
            self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.stopped.done():
            return
        if self._stopping:
            self.stopped.set_result(None)
        else:
            self.stopped.set_exception(ConnectionError("the server closed the connection"))

    def stop(self) -> None:
        self._stopping = True


def _is_complete(received: bytearray) -> bool:
    end_of_head = received.find(b"\r\n\r\n")
    if end_of_head < 0:
        return False
    head = received[:end_of_head].lower()
    _, found, rest = head.partition(b"content-length:")
    if found:
        return len(received) >= end_of_head + 4 + int(rest.split(b"\r\n", 1)[0])
    return received.endswith(_LAST_CHUNK)


async def drive(port: int, path: str, connections: int, seconds: float) -> int:
    """Ask for `seconds` over `connections`; the number of answers."""
    loop = asyncio.get_running_loop()
    request = request_bytes(path)
    clients = [
        (await loop.create_connection(lambda: ClosedLoop(request), "127.0.0.1", port))[1] for _ in range(connections)
    ]
    await asyncio.wait([client.stopped for client in clients], timeout=seconds, return_when="FIRST_EXCEPTION")
    for client in clients:
        client.stop()
    await asyncio.gather(*(client.stopped for client in clients))
    return sum(client.answered for client in clients)
