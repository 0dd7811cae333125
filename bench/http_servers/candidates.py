"""The candidates: how each server is started. The first is what the others are compared with."""

import sys
from dataclasses import dataclass

_APPS = "bench.http_servers.apps"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server under test. `command` takes the port as `{port}`."""

    name: str
    command: tuple[str, ...]


def _uvicorn(app: str, http: str = "httptools") -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "uvicorn", f"{_APPS}:{app}", "--host", "127.0.0.1", "--port", "{port}"),
        *("--http", http, "--loop", "uvloop", "--ws", "none", "--lifespan", "off"),
        *("--no-access-log", "--no-proxy-headers", "--no-server-header", "--log-level", "warning"),
    )


CANDIDATES = (
    Candidate("uvicorn, raw ASGI", _uvicorn("raw_asgi")),
    Candidate("uvicorn, Starlette", _uvicorn("starlette_app")),
    Candidate("uvicorn, FastAPI", _uvicorn("fastapi_app")),
    Candidate(
        "granian, raw ASGI",
        (
            *(sys.executable, "-m", "granian", f"{_APPS}:raw_asgi", "--host", "127.0.0.1", "--port", "{port}"),
            *("--interface", "asginl", "--loop", "uvloop", "--http", "1", "--no-ws", "--no-access-log"),
            *("--workers", "1", "--log-level", "warning"),
        ),
    ),
    Candidate("aiohttp server", (sys.executable, "-m", "bench.http_servers.serve_aiohttp", "{port}")),
    Candidate("uvicorn, raw ASGI, h11", _uvicorn("raw_asgi", "h11")),
)
