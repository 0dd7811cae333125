"""The supervisor with real, tiny processes."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import pytest

from tokenlane_cli.errors import StackFailedError
from tokenlane_cli.stack.decide import Phase
from tokenlane_cli.stack.plan import DRAIN_ORDER, ProcessSpec, Role
from tokenlane_cli.stack.supervisor import Supervisor

# Ready once the file named by the URL is there; ends on SIGTERM and says so.
LIVES = """
import pathlib, signal, sys, time
def end(*_):
    print("drained", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1]).touch()
while True:
    time.sleep(60)
"""
STUBBORN = LIVES.replace("sys.exit(0)", "pass")
DIES = 'print(\'first\'); print(\'{"event": "cannot go on", "reason": "no GPU"}\'); raise SystemExit(3)'


class Notes:
    """A `Report` that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.phases: list[tuple[str, Phase]] = []

    def process(self, name: str, phase: Phase, seconds: float) -> None:
        self.phases.append((name, phase))

    def note(self, text: str) -> None:
        self.notes.append(text)


def spec(directory: Path, name: str, script: str = LIVES, role: Role = Role.WORKER, lane: str = "short") -> ProcessSpec:
    flag = str(directory / f"{name}.ready")
    return ProcessSpec(name, role, (sys.executable, "-c", script, flag), ready_url=flag, lane=lane)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
async def supervisor(tmp_path: Path, notes: Notes) -> AsyncIterator[Supervisor]:
    async def ready(url: str) -> bool:
        return Path(url).exists()  # noqa: ASYNC240

    def new_worker(lane: str, names: Iterable[str]) -> ProcessSpec:
        return spec(tmp_path, f"worker-{lane}-{len(list(names)) + 1}", lane=lane)

    made = Supervisor(tmp_path, os.environ, ready, new_worker, notes, lambda: None, grace_s=20)
    yield made
    force = asyncio.Event()
    force.set()
    await made.stop(DRAIN_ORDER, force)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_it_waits_until_all_are_ready_and_drains_in_order(
    supervisor: Supervisor, notes: Notes, tmp_path: Path
) -> None:
    specs = [spec(tmp_path, "nats", role=Role.BROKER, lane=""), spec(tmp_path, "ingress", role=Role.INGRESS, lane="")]
    await supervisor.start(specs)
    assert {slot.phase for slot in supervisor.slots.values()} == {Phase.READY}
    await supervisor.stop(DRAIN_ORDER, asyncio.Event())
    ended = [name for name, phase in notes.phases if phase is Phase.EXITED]
    assert ended == ["ingress", "nats"]
    assert (tmp_path / "nats.log").read_text() == "drained\n"


async def test_a_process_that_dies_at_start_is_named_with_its_last_words(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    with pytest.raises(StackFailedError) as failed:
        await supervisor.start([spec(tmp_path, "nats"), spec(tmp_path, "worker-short-1", DIES)])
    assert str(failed.value) == "worker-short-1 ended with code 3: cannot go on: no GPU"


async def test_a_program_that_is_not_there_is_named(supervisor: Supervisor, tmp_path: Path) -> None:
    missing = ProcessSpec("nats", Role.BROKER, (str(tmp_path / "no-such-program"),), ready_url="")
    with pytest.raises(StackFailedError, match=r"nats could not be run: cannot run .*no-such-program"):
        await supervisor.start([missing])


async def test_a_process_that_is_never_ready_is_given_up(supervisor: Supervisor, tmp_path: Path) -> None:
    slow = ProcessSpec(
        "ingress",
        Role.INGRESS,
        (sys.executable, "-c", LIVES, str(tmp_path / "x")),
        str(tmp_path / "y"),
        start_timeout_s=1,
    )
    with pytest.raises(StackFailedError, match=r"ingress was not ready within 1 s"):
        await supervisor.start([slow])


async def test_a_crashed_process_is_run_again(supervisor: Supervisor, notes: Notes, tmp_path: Path) -> None:
    await supervisor.start([spec(tmp_path, "worker-short-1")])
    slot = supervisor.slots["worker-short-1"]
    first = slot.pid
    assert first is not None
    running = asyncio.create_task(supervisor.run())
    os.kill(first, signal.SIGKILL)
    await until(lambda: slot.pid not in (None, first) and slot.phase is Phase.READY)
    running.cancel()
    assert notes.notes == ["worker-short-1 died of signal 9; again in 0.5 s"]


async def test_it_follows_the_wanted_number_of_workers(supervisor: Supervisor, notes: Notes, tmp_path: Path) -> None:
    await supervisor.start([spec(tmp_path, "worker-short-1")])
    running = asyncio.create_task(supervisor.run())
    supervisor.set_desired("short", 3)
    await until(lambda: [slot.phase for slot in supervisor.slots.values()] == [Phase.READY] * 3)
    supervisor.set_desired("short", 1)
    await until(lambda: list(supervisor.slots) == ["worker-short-1"])
    running.cancel()
    assert (tmp_path / "worker-short-2.log").read_text() == "drained\n"


@pytest.mark.parametrize("forced", [True, False])
async def test_what_does_not_end_is_killed(supervisor: Supervisor, tmp_path: Path, forced: bool) -> None:
    supervisor._grace_s = 1
    await supervisor.start([spec(tmp_path, "worker-short-1", STUBBORN)])
    pid = supervisor.slots["worker-short-1"].pid
    assert pid is not None
    force = asyncio.Event()
    if forced:
        force.set()
    await supervisor.stop(DRAIN_ORDER, force)
    assert not alive(pid)
