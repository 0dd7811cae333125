"""`tokenlane calibrate` against servers that are of no use."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.simulated_server import SimulatedServer
from tokenlane_worker.engine.simulated import SimulatedEngineConfig

KNOWN = SimulatedEngineConfig("known")


async def calibrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As it is typed; the server runs in this loop."""
    command = [sys.executable, "-m", "tokenlane_cli", "calibrate", *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120)


async def test_a_server_that_says_nothing_of_its_engine_needs_flags(tmp_path: Path) -> None:
    async with SimulatedServer(KNOWN, metrics=False) as server:
        done = await calibrate("--url", server.url, "--out", str(tmp_path / "profile.json"))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "tokenlane: the server does not say how many tokens its KV cache holds: name them with --kv-tokens"
    )


async def test_a_model_that_is_not_served_is_named(tmp_path: Path) -> None:
    async with SimulatedServer(KNOWN) as server:
        done = await calibrate("--url", server.url, "--model", "other", "--out", str(tmp_path / "profile.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == f"tokenlane: {server.url} does not serve other; there are: known"


async def test_nobody_there_is_one_line(tmp_path: Path, unused_tcp_port: int) -> None:
    done = await calibrate("--url", f"http://127.0.0.1:{unused_tcp_port}", "--out", str(tmp_path / "profile.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Cannot connect" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.fixture
async def whole() -> AsyncIterator[str]:
    """A server that answers whole, whatever is asked."""

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m", "max_model_len": 1024}]})

    async def completions(request: web.Request) -> web.Response:
        return web.json_response({"choices": [{"text": "whole"}]})

    app = web.Application()
    app.router.add_get("/v1/models", models)
    app.router.add_post("/v1/completions", completions)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


async def test_a_server_that_does_not_stream_is_named(tmp_path: Path, whole: str) -> None:
    done = await calibrate("--url", whole, "--kv-tokens", "4096", "--out", str(tmp_path / "profile.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == f"tokenlane: {whole}/v1/completions does not stream: it answered application/json"
