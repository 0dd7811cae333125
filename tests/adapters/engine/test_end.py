"""How an engine ends: by its death, or by its owner's. Real vLLM only; a stand-in is killed in the unit tests."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.adapters.engine.conftest import ENDLESS, Engines
from tests.adapters.engine.drive import CHAT, Answer
from tests.adapters.engine.processes import alive, descendants, named
from tokenlane_worker.engine.backoff import until
from tokenlane_worker.engine.errors import EngineLostError, EngineUnavailableError
from tokenlane_worker.engine.vllm_command import VllmChildConfig

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.engine]
OWNER = Path(__file__).with_name("owner.py")


async def test_an_engine_core_that_dies_loses_what_it_was_answering(
    engines: Engines, vllm_config: VllmChildConfig
) -> None:
    child, answers = await engines.child(vllm_config), [Answer(), Answer()]
    asked = {"messages": [{"role": "user", "content": "Go on"}], **ENDLESS}
    calls = [
        asyncio.create_task(child.send(answer, CHAT, stream=stream, **asked))
        for answer, stream in zip(answers, (True, False), strict=True)
    ]
    await child.until_stats(lambda stats: stats.running == 2)
    (core,) = named("VLLM::EngineCore", descendants(os.getpid()))
    os.kill(core, signal.SIGKILL)
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(end) for end in ends] == [EngineLostError, EngineLostError]
    assert b'"error"' not in b"".join(chunk for answer in answers for chunk in answer.chunks)
    async with asyncio.timeout(30):
        assert (await child.engine.wait_dead()).startswith("the engine ended with code ")
    with pytest.raises(EngineUnavailableError):
        await child.chat()
    assert named("vllm", descendants(os.getpid())) == []


async def test_an_owner_that_is_killed_leaves_no_process_behind(vllm_config: VllmChildConfig, tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, str(OWNER), vllm_config.model, str(tmp_path / "s"), *vllm_config.command),
        *vllm_config.extra_args,
        env={**os.environ, **vllm_config.env},
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"ready\n"
    family = descendants(owner.pid)
    assert named("VLLM::EngineCore", family)
    owner.kill()
    await owner.wait()

    async def gone() -> bool:
        return not any(alive(pid) for pid in family)

    assert await until(gone, 30), f"left behind: {[pid for pid in family if alive(pid)]}"
