"""uvicorn, run inside the service's frame: it listens, drains and ends when told, and leaves signals alone."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenlane_chassis.errors import StartError
from tokenlane_ingress.app import App
from tokenlane_ingress.asgi import CONNECTION

_BACKLOG = 2048
# Above the idle limits of usual clients and proxies: they close first and never write into a closing connection.
_KEEP_ALIVE_S = 75
# How long a drain leaves idle connections open. Who sends another request meanwhile gets its answer and the word to
# close, which nobody can be told on an idle connection.
_IDLE_S = 1.0
# From the end of the grace to the end of connections whose clients do not read.
_STUCK_S = 0.5


class Protocol(HttpToolsProtocol):
    """A connection that tells the application about itself."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.app_state = {CONNECTION: transport}

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        for server, listener in zip(self.servers, sockets or (), strict=True):
            waiting = _accept_all(listener)
            server.close()
            for each in waiting:
                await loop.connect_accepted_socket(self._protocol, each)
        connections = self.server_state.connections
        for connection in tuple(connections):
            if not _is_idle(connection):
                connection.shutdown()
        if any(map(_is_idle, connections)):
            await asyncio.sleep(_IDLE_S)
        await super().shutdown(sockets)

    def abort(self) -> None:
        """Close every connection at once."""
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()

    def _protocol(self) -> asyncio.Protocol:
        return Protocol(config=self.config, server_state=self.server_state, app_state={})


def _accept_all(listener: socket.socket) -> list[socket.socket]:
    """The connections that the kernel has made already. Closing the listener would reset them, although another process
    may listen on the port."""
    accepted: list[socket.socket] = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return accepted
        connection.setblocking(False)
        accepted.append(connection)


def _is_idle(connection: Any) -> bool:
    return isinstance(connection, Protocol) and connection.idle


def bind(host: str, port: int) -> socket.socket:
    """A socket for `serve`. Several processes may listen on one port; the kernel spreads the connections. Raises
    StartError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=True)
    except OSError as error:
        raise StartError(f"TOKENLANE_HTTP_PORT: cannot listen on {host}:{port}: {error.strerror}") from None
    # Accepted connections inherit it: a token must not wait for the next one to fill a segment.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


async def serve(
    app: App, listener: socket.socket, stopping: asyncio.Event, grace_s: float, give_up: Callable[[], None]
) -> None:
    """Serve until `stopping` is set; then take no new connection, and return when the last request is answered.
    `give_up` is called after `grace_s` and must end those that are left."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        # Its warnings are about clients that speak badly, a line for each request.
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(grace_s + _STUCK_S) + 1,
    )
    server = _Server(config)
    stopper = asyncio.create_task(_stop(server, stopping, grace_s, give_up), name="http-stopper")
    try:
        await server.serve(sockets=[listener])
    finally:
        stopper.cancel()


async def _stop(server: _Server, stopping: asyncio.Event, grace_s: float, give_up: Callable[[], None]) -> None:
    await stopping.wait()
    server.should_exit = True
    await asyncio.sleep(grace_s)
    give_up()
    await asyncio.sleep(_STUCK_S)
    server.abort()
