"""`tokenlane calibrate` against a simulated engine of known step times, and against servers that are of no use."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.support.simulated_server import SimulatedServer
from tokenlane_cli.calibrate.profile_file import load_profile, read_profile
from tokenlane_fleet import Batch, Profile, SchedulerLimits, StepCost
from tokenlane_worker.engine.simulated import SimulatedEngineConfig

# Steps of 20 to 40 ms: what the test's own processes take beside them is little.
COST = StepCost(0.009, 0.012, 6e-5, 1.5e-4, 3e-6, 3e-9)
LIMITS = SchedulerLimits(num_blocks=257, block_size=16, max_num_seqs=16, max_num_batched_tokens=512, max_model_len=1024)
KNOWN = SimulatedEngineConfig("known", profile=Profile("known", COST, LIMITS))
RANGE = [
    *(Batch(0, streams, streams, streams * context, 0) for streams in (1, 4, 8) for context in (60, 300)),
    *(Batch(tokens, 0, 1, tokens, tokens * (tokens + 1) // 2) for tokens in (128, 256, 384)),
]


async def calibrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As it is typed; the server runs in this loop."""
    command = [sys.executable, "-m", "tokenlane_cli", "calibrate", *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120)


async def test_known_step_times_are_recovered(tmp_path: Path) -> None:
    out = tmp_path / "profile.json"
    async with SimulatedServer(KNOWN) as server:
        limits = ("--streams", "8", "--max-num-seqs", "16", "--max-num-batched-tokens", "512")
        named = ("--gpu-name", "a100", "--tp", "2", "--price", "2.5")
        done = await calibrate("--url", server.url, "--out", str(out), "--seconds", "5", *limits, *named)
    assert done.returncode == 0, done.stderr
    assert "step of 8 on" in done.stdout
    assert "residuals over" in done.stdout
    hardware = read_profile(out)
    assert (hardware.model, hardware.gpu, hardware.tensor_parallel) == ("known", "a100", 2)
    assert (hardware.kv_tokens, hardware.block_size, hardware.max_model_len) == (4096, 16, 1024)
    for batch in RANGE:
        assert hardware.cost.seconds(batch) == pytest.approx(COST.seconds(batch), rel=0.10), batch
    assert load_profile(out).measured.engine == "vLLM 0.32.0"


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
