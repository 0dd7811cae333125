"""The engines one behaviour suite is run against: simulated, a child, and that child's server named by URL.

The real ones need `make engine`. One vLLM serves the whole session; a test that kills it has the next one start anew.
"""

import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.adapters.engine.drive import Make, Started
from tests.support.vllm import CACHE, ENGINE_BIN, ROOT, cache_environment, cpu_environment
from tokenlane_worker.engine.openai_server import OpenAIServerConfig, OpenAIServerEngine
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig
from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import VllmChildConfig

TINY = CACHE / "models" / "tiny-llama"
MODEL = "tiny"
MAX_MODEL_LEN = 4096
# some seconds of work
ENDLESS: dict[str, Any] = {"max_tokens": MAX_MODEL_LEN - 200, "ignore_eos": True}


@pytest.fixture(scope="session")
def vllm_config(tmp_path_factory: pytest.TempPathFactory) -> VllmChildConfig:
    """vLLM on the tiny model, set as engine/cpu.env says."""
    if not (ENGINE_BIN / "vllm").exists():
        pytest.fail("the engine environment is not set up: run `make engine`", pytrace=False)
    subprocess.run([ENGINE_BIN / "python", ROOT / "engine" / "make_tiny_model.py"], check=True, capture_output=True)
    environment = cpu_environment()
    arguments = environment.pop("TOKENLANE_ENGINE_ARGS").split()
    folder = tmp_path_factory.mktemp("vllm")
    return VllmChildConfig(
        model=str(TINY),
        served_model_name=MODEL,
        command=(str(ENGINE_BIN / "vllm"),),
        extra_args=(*arguments, "--max-model-len", str(MAX_MODEL_LEN), "--generation-config", "vllm"),
        env=environment | cache_environment(),
        socket_path=folder / "engine.sock",
        log_file=folder / "engine.log",
        start_timeout_s=300,
    )


class Engines:
    """Started on demand, stopped at the end of the session."""

    def __init__(self) -> None:
        self._started: dict[str, Started] = {}

    async def simulated(self) -> Started:
        config = SimulatedEngineConfig(
            MODEL, profile="h100-llama3-8b", speed=4, max_model_len=MAX_MODEL_LEN, max_num_seqs=256
        )
        return await self._get("simulated", lambda: SimulatedEngine(config))

    async def child(self, config: VllmChildConfig) -> Started:
        return await self._get("child", lambda: VllmChildEngine(config))

    async def url(self, config: VllmChildConfig) -> Started:
        await self.child(config)
        server = OpenAIServerConfig(url=f"unix://{config.socket_path}", max_num_seqs=256)
        return await self._get("url", lambda: OpenAIServerEngine(server))

    async def _get(self, name: str, make: Make) -> Started:
        held = self._started.get(name)
        if held is None or await held.dead():
            if held is not None:
                await held.engine.stop()
            engine = make()
            held = self._started[name] = Started(engine, await engine.start())
        return held

    async def stop(self) -> None:
        for started in self._started.values():
            await started.engine.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def engines() -> AsyncIterator[Engines]:
    engines = Engines()
    yield engines
    await engines.stop()
