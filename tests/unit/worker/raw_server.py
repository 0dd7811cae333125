"""A server that says exactly the bytes a test gives it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tokenlane_worker.engine.endpoint import Endpoint

Handler = Callable[["RawConnection"], Awaitable[None]]


@dataclass
class RawConnection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> tuple[str, bytes]:
        """The next request's head and body. Raises asyncio.IncompleteReadError at the end of the connection."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length:")]
        return head, await self.reader.readexactly(int(lengths[0]) if lengths else 0)

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def closed(self) -> None:
        """Return when the client has closed the connection."""
        try:
            while await self.reader.read(4096):
                pass
        except ConnectionError:
            return


@dataclass
class RawServer:
    endpoint: Endpoint
    connections: int = 0
    stop_accepting: Callable[[], None] = lambda: None


@asynccontextmanager
async def raw_server(handler: Handler, socket_path: Path | None = None) -> AsyncIterator[RawServer]:
    """Serve `handler` on a free TCP port, or on a Unix socket; its tasks are cancelled at the end."""
    state = RawServer(Endpoint())
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        try:
            await handler(RawConnection(reader, writer))
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if socket_path is not None:
        server = await asyncio.start_unix_server(accept, socket_path)
        state.endpoint = Endpoint(socket_path=str(socket_path))
    else:
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        state.endpoint = Endpoint(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
    state.stop_accepting = server.close
    try:
        yield state
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
