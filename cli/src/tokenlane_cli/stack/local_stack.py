"""The local stack from start to end: lock, files, processes, the work done on it, drain."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
from rich.console import Console

from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.errors import ChassisError
from tokenlane_cli import local_defaults
from tokenlane_cli.errors import StackFailedError
from tokenlane_cli.stack import files, machine, plan, prepare
from tokenlane_cli.stack.board import Board
from tokenlane_cli.stack.child import adopt_orphans, kill_orphans
from tokenlane_cli.stack.files import LaneInfo, ProcessInfo, StackInfo
from tokenlane_cli.stack.options import StackOptions
from tokenlane_cli.stack.signals import Signals
from tokenlane_cli.stack.supervisor import Supervisor
from tokenlane_cli.stack.wanted import follow_scaling, forget_other_models, lane_profile, open_bus, say_initial

Body = Callable[[StackInfo], Coroutine[Any, Any, int]]


async def run_stack(options: StackOptions, console: Console, body: Body) -> int:
    """Run the stack, then `body` on it, then drain it. Returns what `body` returns, 0 when a signal ended it.

    Raises UsageError, StackRunningError, StackFailedError."""
    lock = files.lock(options.data_dir)
    try:
        async with aiohttp.ClientSession() as http:
            return await _LocalStack(options, console, http).run(body)
    finally:
        lock.release()


class _LocalStack:
    def __init__(self, options: StackOptions, console: Console, http: aiohttp.ClientSession) -> None:
        self._options = options
        self._console = console
        self._board = Board(console)
        self._key, keys_file = files.ensure_api_key(options.data_dir)
        self._base = prepare.prepare(options, keys_file)
        self._lanes: tuple[LaneInfo, ...] = ()
        self._simulated = False
        self._supervisor = Supervisor(
            logs=self._base.logs,
            environment=os.environ,
            ready=_probe_with(http),
            new_worker=lambda lane, names: prepare.another_worker(self._base, lane, names),
            report=self._board,
            changed=self._write_info,
            grace_s=local_defaults.STOP_GRACE_S,
        )

    async def run(self, body: Body) -> int:
        adopt_orphans()
        machine.raise_file_limit()
        signals = Signals()
        try:
            code = await signals.unless_stopped(self._up(body))
            return 0 if code is None else code
        except ChassisError as error:
            raise StackFailedError(str(error)) from None
        finally:
            self._board.settle()
            if signals.stopping.is_set():
                self._console.print("Draining. Ctrl-C again ends at once.")
            await self._down(signals.force)
            signals.remove()

    async def _up(self, body: Body) -> int:
        self._board.begin()
        await self._supervisor.start([plan.broker(self._base)])
        async with open_bus(self._base.nats_url, self._base.logs / "up.log") as bus:
            await forget_other_models(bus, self._options)
            await say_initial(bus, self._options, unix_ms())
            await self._supervisor.start(prepare.services(self._base))
            await self._learn(bus)
            self._write_info()
            self._board.settle()
            async with asyncio.TaskGroup() as group:
                supervising = group.create_task(self._supervisor.run())
                async with follow_scaling(bus, self._options, self._supervisor.set_desired):
                    code = await body(self._info())
                supervising.cancel()
        return code

    async def _learn(self, bus: Bus) -> None:
        lanes = [(lane, await lane_profile(bus, lane.name, self._options.served_model)) for lane in self._options.lanes]
        self._simulated = any(profile.simulated for _, profile in lanes)
        self._lanes = tuple(LaneInfo(lane.name, lane.boundary, profile.max_model_len) for lane, profile in lanes)

    async def _down(self, force: asyncio.Event) -> None:
        self._board.end()
        await self._supervisor.stop(plan.DRAIN_ORDER, force)
        kill_orphans()
        files.remove_stack(self._options.data_dir)

    def _write_info(self) -> None:
        # What is not complete yet would be taken for a running stack.
        if self._lanes:
            files.write_stack(self._options.data_dir, self._info())

    def _info(self) -> StackInfo:
        return StackInfo(
            url=self._base.url,
            api_key=self._key,
            tenant=local_defaults.TENANT,
            nats_url=self._base.nats_url,
            pid=os.getpid(),
            engine=self._options.engine.value,
            model=self._options.served_model,
            simulated=self._simulated,
            lanes=self._lanes,
            processes=tuple(
                ProcessInfo(slot.spec.name, slot.spec.role.value, slot.spec.lane, slot.pid, slot.spec.metrics_url)
                for slot in self._supervisor.slots.values()
                if slot.pid is not None
            ),
        )


def _probe_with(http: aiohttp.ClientSession) -> Callable[[str], Awaitable[bool]]:
    async def ready(url: str) -> bool:
        try:
            async with http.get(url, timeout=aiohttp.ClientTimeout(total=5)) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    return ready
