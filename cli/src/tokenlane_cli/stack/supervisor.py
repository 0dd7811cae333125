"""The shell around `decide`: observes the processes, performs what was decided, tells what happened."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tokenlane_cli.errors import StackFailedError
from tokenlane_cli.stack import decide as decisions
from tokenlane_cli.stack.decide import Action, Phase
from tokenlane_cli.stack.log_tail import last_line
from tokenlane_cli.stack.plan import ProcessSpec, Role
from tokenlane_cli.stack.slot import Slot

_TICK_S = 0.2
_PROBE_EVERY_S = 0.1


class Report(Protocol):
    """Who is told about the processes."""

    def process(self, name: str, phase: Phase, seconds: float) -> None:
        """A process came into a phase; `seconds`: how long the one before took."""

    def note(self, text: str) -> None:
        """Something a person should know."""


class Supervisor:
    """Keeps the processes of the stack running. `ready` asks a URL once; `new_worker` gives the spec of one more worker
    of a lane, given the names in use; `changed` is called after processes came or went."""

    def __init__(
        self,
        logs: Path,
        environment: Mapping[str, str],
        ready: Callable[[str], Awaitable[bool]],
        new_worker: Callable[[str, Iterable[str]], ProcessSpec],
        report: Report,
        changed: Callable[[], None],
        grace_s: float,
    ) -> None:
        self._logs = logs
        self._environment = environment
        self._ready = ready
        self._new_worker = new_worker
        self._report = report
        self._changed = changed
        self._grace_s = grace_s
        self._wake = asyncio.Event()
        self._desired: dict[str, int] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}
        self.slots: dict[str, Slot] = {}

    def set_desired(self, lane: str, workers: int) -> None:
        """How many workers the lane should have from now on."""
        self._desired[lane] = workers
        self._wake.set()

    def pids(self) -> set[int]:
        """Process ids of all children."""
        return {slot.pid for slot in self.slots.values() if slot.pid is not None}

    async def start(self, specs: Sequence[ProcessSpec]) -> None:
        """Run the processes and wait until all are ready. Raises StackFailedError when one ends or takes too long."""
        slots = [self._add(spec) for spec in specs]
        while any(slot.phase is not Phase.READY for slot in slots):
            await asyncio.sleep(_PROBE_EVERY_S)
            for slot in self.slots.values():
                self._observe(slot)
                _require_life(slot)

    async def run(self) -> None:
        """Restart what crashes and follow the wanted number of workers, until cancelled."""
        while True:
            for slot in self.slots.values():
                self._observe(slot)
            seen = [slot.seen() for slot in self.slots.values()]
            for action in decisions.decide(seen, self._desired, time.monotonic(), self._grace_s):
                self._perform(action)
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._wake.wait()

    async def stop(self, order: Sequence[Role], force: asyncio.Event) -> None:
        """Drain and end all processes, one role after the other; at once when `force` is set."""
        for role in order:
            slots = [slot for slot in self.slots.values() if slot.spec.role is role]
            for slot in slots:
                self._cancel_probe(slot)
                slot.ask_to_stop()
                self._tell(slot)
            await self._await_end(slots, force)

    async def _await_end(self, slots: Sequence[Slot], force: asyncio.Event) -> None:
        deadline = time.monotonic() + self._grace_s
        while any(not self._gone(slot) for slot in slots):
            if force.is_set() or time.monotonic() > deadline:
                for slot in slots:
                    slot.kill()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PROBE_EVERY_S / 2):
                    await (asyncio.sleep(_PROBE_EVERY_S) if force.is_set() else force.wait())

    def _gone(self, slot: Slot) -> bool:
        self._observe(slot)
        return slot.phase is Phase.EXITED

    def _perform(self, action: Action) -> None:
        match action:
            case decisions.AddWorker(lane):
                spec = self._new_worker(lane, self.slots)
                self._report.note(f"lane {lane}: starting {spec.name}")
                self._add(spec)
            case decisions.Spawn(name):
                self._spawn(self.slots[name])
            case decisions.Terminate(name):
                self._report.note(f"{name} is no longer needed: draining it")
                self._cancel_probe(self.slots[name])
                self.slots[name].ask_to_stop()
            case decisions.Kill(name):
                self._report.note(f"{name} did not end within {self._grace_s:g} s: killed")
                self.slots[name].kill()
            case decisions.RestartLater(name, at, crashes):
                self._report.note(f"{self.slots[name].epitaph()}; again in {at - time.monotonic():.1f} s")
                self.slots[name].restart_at(at, crashes)
            case decisions.Forget(name):
                del self.slots[name]
                self._changed()

    def _add(self, spec: ProcessSpec) -> Slot:
        slot = self.slots[spec.name] = Slot(spec, self._logs / f"{spec.name}.log")
        self._spawn(slot)
        return slot

    def _spawn(self, slot: Slot) -> None:
        slot.spawn(self._environment)
        self._tell(slot)
        self._probes[slot.spec.name] = asyncio.create_task(self._await_ready(slot))
        self._changed()

    async def _await_ready(self, slot: Slot) -> None:
        while True:
            if await self._ready(slot.spec.ready_url):
                break
            await asyncio.sleep(_PROBE_EVERY_S)
        if slot.phase is Phase.STARTING:
            slot.enter(Phase.READY)
            self._tell(slot)

    def _observe(self, slot: Slot) -> None:
        if slot.observe():
            self._cancel_probe(slot)
            self._tell(slot)

    def _cancel_probe(self, slot: Slot) -> None:
        probe = self._probes.pop(slot.spec.name, None)
        if probe is not None:
            probe.cancel()

    def _tell(self, slot: Slot) -> None:
        self._report.process(slot.spec.name, slot.phase, time.monotonic() - slot.started)


def _require_life(slot: Slot) -> None:
    if slot.phase is Phase.EXITED:
        raise StackFailedError(slot.epitaph())
    if slot.phase is Phase.STARTING and time.monotonic() - slot.started > slot.spec.start_timeout_s:
        said = last_line(slot.log_file)
        raise StackFailedError(f"{slot.spec.name} was not ready within {slot.spec.start_timeout_s:g} s: {said}")
