"""The child engine's process: start, failure, end, and that nothing of it stays behind (with a stand-in for vLLM)."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.worker.answers import HeardSink, eventually
from tokenlane_worker.engine.errors import EngineLostError, EngineStartError, EngineUnavailableError
from tokenlane_worker.engine.protocol import EngineInfo
from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import VllmChildConfig

FAKE = str(Path(__file__).with_name("fake_vllm.py"))


class Fake:
    """An engine over the stand-in, with the lines it logged."""

    def __init__(self, mode: str, socket_path: Path, timeout_s: float = 20, grace_s: float = 5) -> None:
        self.lines: list[str] = []
        self.socket_path = socket_path
        config = VllmChildConfig(
            model="m",
            served_model_name="fake",
            command=(sys.executable, "-S", FAKE, mode),
            socket_path=socket_path,
            max_num_seqs=4,
            start_timeout_s=timeout_s,
            stop_grace_s=grace_s,
        )
        self.engine = VllmChildEngine(config, self.lines.append)

    def pid(self, who: str) -> int:
        return next(int(line.split()[1]) for line in self.lines if line.startswith(who))


@contextlib.asynccontextmanager
async def started(fake: Fake) -> AsyncIterator[EngineInfo]:
    try:
        yield await fake.engine.start()
    finally:
        await fake.engine.stop()


def alive(pid: int) -> bool:
    """A zombie is not alive."""
    try:
        return _stat(pid)[0] != "Z"
    except FileNotFoundError:
        return False


def parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _stat(pid: int) -> list[str]:
    """The fields behind the name: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


async def test_it_starts_and_tells_what_it_can_hold(tmp_path: Path) -> None:
    fake = Fake("serve", tmp_path / "s")
    async with started(fake) as info:
        assert info == EngineInfo("fake", 128, 160, 16, 4, simulated=False)
        sink = HeardSink()
        await fake.engine.generate("/v1/completions", b"{}", sink)
        assert (sink.heads, sink.body) == ([(200, "application/json")], b"{}")
        assert (await fake.engine.stats()).running == 0


async def test_stopping_leaves_no_process_and_no_socket_and_may_be_repeated(tmp_path: Path) -> None:
    fake = Fake("serve", tmp_path / "s")
    async with started(fake):
        leader = fake.pid("leader")
    assert not alive(leader)
    assert not fake.socket_path.exists()
    assert await fake.engine.wait_dead() == "the engine was stopped"
    await fake.engine.stop()
    with pytest.raises(EngineUnavailableError):
        await fake.engine.generate("/v1/completions", b"{}", HeardSink())


async def test_an_engine_that_ignores_the_request_to_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    fake = Fake("stubborn", tmp_path / "s", grace_s=0.2)
    async with started(fake):
        pids = [fake.pid("leader"), fake.pid("child")]
    assert [pid for pid in pids if alive(pid)] == []


async def test_a_leader_that_is_killed_takes_its_children_along(tmp_path: Path) -> None:
    fake = Fake("stubborn", tmp_path / "s")
    async with started(fake):
        os.kill(fake.pid("leader"), signal.SIGKILL)
        assert (await fake.engine.wait_dead()).startswith("the engine ended with code 137: ")
        assert not alive(fake.pid("child"))


async def test_a_keeper_that_is_killed_leaves_nothing_either(tmp_path: Path) -> None:
    fake = Fake("stubborn", tmp_path / "s")
    async with started(fake):
        leader, child = fake.pid("leader"), fake.pid("child")
        os.kill(parent(leader), signal.SIGKILL)
        assert (await fake.engine.wait_dead()).startswith("the engine ended with code -9: ")
        await eventually(lambda: not (alive(leader) or alive(child)))


async def test_an_engine_that_dies_loses_the_request_and_says_why(tmp_path: Path) -> None:
    fake = Fake("serve", tmp_path / "s")
    async with started(fake):
        with pytest.raises(EngineLostError):
            await fake.engine.generate("/v1/completions", b"die", HeardSink())
        assert await fake.engine.wait_dead() == "the engine ended with code 3: ValueError: out of luck"
        with pytest.raises(EngineUnavailableError):
            await fake.engine.generate("/v1/completions", b"{}", HeardSink())


async def test_a_start_that_fails_tells_the_root_cause(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match="ended with code 1: ValueError: not enough memory"):
        await Fake("fail", tmp_path / "s").engine.start()


async def test_a_start_that_takes_too_long_fails_and_leaves_nothing(tmp_path: Path) -> None:
    fake = Fake("hang", tmp_path / "s", timeout_s=0.5)
    with pytest.raises(EngineStartError, match=r"not healthy within 0\.5 s"):
        await fake.engine.start()
    assert not fake.socket_path.exists()


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    fake = Fake("hang", tmp_path / "s")
    start = asyncio.create_task(fake.engine.start())
    await eventually(lambda: bool(fake.lines))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert await fake.engine.wait_dead() == "the engine was stopped"


async def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(EngineStartError, match="engine command not found: no-such-engine"):
        await VllmChildEngine(VllmChildConfig(model="m", command=("no-such-engine",))).start()


async def test_a_socket_path_the_system_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match="socket path too long"):
        await Fake("serve", tmp_path / ("x" * 120)).engine.start()


async def test_the_log_goes_to_a_file_where_one_is_named(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    config = VllmChildConfig(model="m", command=(sys.executable, "-S", FAKE, "fail"), log_file=log)
    with pytest.raises(EngineStartError):
        await VllmChildEngine(config).start()
    assert "not enough memory" in log.read_text()
