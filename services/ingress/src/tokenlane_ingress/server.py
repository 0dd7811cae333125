"""uvicorn, run inside the service's frame: it listens, drains and ends when told, and leaves signals alone."""

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator

import uvicorn

from tokenlane_chassis.errors import StartError
from tokenlane_ingress.app import App

_BACKLOG = 2048
# Above the idle limits of usual clients and proxies: they close first and never write into a closing connection.
_KEEP_ALIVE_S = 75


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int) -> socket.socket:
    """A socket for `serve`. Raises StartError."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise StartError(f"TOKENLANE_HTTP_PORT: cannot listen on {host}:{port}: {error.strerror}") from None
    # Accepted connections inherit it: a token must not wait for the next one to fill a segment.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def serve(
    app: App, listener: socket.socket, stopping: asyncio.Event, grace_s: float, give_up: Callable[[], None]
) -> None:
    """Serve until `stopping` is set; then take no new connection, and return when the last request is answered.
    `give_up` is called after `grace_s` and must end those that are left."""
    config = uvicorn.Config(
        app,
        http="httptools",
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
        timeout_graceful_shutdown=math.ceil(grace_s) + 1,
    )
    server = _Server(config)
    stopper = asyncio.create_task(_stop(server, stopping, grace_s, give_up), name="http-stopper")
    try:
        await server.serve(sockets=[listener])
    finally:
        stopper.cancel()


async def _stop(server: uvicorn.Server, stopping: asyncio.Event, grace_s: float, give_up: Callable[[], None]) -> None:
    await stopping.wait()
    server.should_exit = True
    await asyncio.sleep(grace_s)
    give_up()
