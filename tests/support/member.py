"""One process of a fleet: run again whenever it ends, until it is told to stop for good."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
# Before a process that ended by itself is run again.
_CRASH_PAUSE_S = 0.2
_PROBE_EVERY_S = 0.02
_STOP_S = 60


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """A process to run. `env` is added to this process's environment. Empty URLs: it has none."""

    name: str
    role: str
    argv: tuple[str, ...]
    ready_url: str
    metrics_url: str = ""
    env: Mapping[str, str] = field(default_factory=dict)


class Member:
    """Keeps one process running. `crashes` are the exit codes of runs that nobody here ended."""

    def __init__(self, spec: MemberSpec, directory: Path) -> None:
        self.spec = spec
        self.log_file = directory / f"{spec.name}.log"
        self.starts = 0
        self.crashes: list[int] = []
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._signalled: set[int] = set()
        self._up = asyncio.Event()
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Process id of the present run; None between two runs."""
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Run it, and again whenever it ends. Returns when the first run has begun."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.spec.name}")
        await self._up.wait()

    def send(self, sign: signal.Signals) -> bool:
        """Send a signal to the present run; False if there is none right now."""
        if self._process is None:
            return False
        if sign in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self._signalled.add(self._process.pid)
        try:
            self._process.send_signal(sign)
        except ProcessLookupError:
            return False
        return True

    async def ready(self, timeout_s: float = 60) -> float:
        """Return when its probe says that it takes work, with the seconds that took. Raises TimeoutError."""
        begun = time.monotonic()
        async with httpx.AsyncClient(timeout=2, trust_env=False) as http, asyncio.timeout(timeout_s):
            while not await _answers(http, self.spec.ready_url):
                await asyncio.sleep(_PROBE_EVERY_S)
        return time.monotonic() - begun

    async def roll(self) -> None:
        """Ask the present run to drain, and return when the next one takes work."""
        process = self._process
        if process is None:
            raise RuntimeError(f"{self.spec.name} does not run")
        self.send(signal.SIGTERM)
        await process.wait()
        self._up.clear()
        await self._up.wait()
        await self.ready()

    async def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it for good; killed if it does not end in a minute."""
        self._stopping = True
        if self._keeper is None:
            return
        self.send(signal.SIGCONT)
        self.send(sign)
        try:
            await asyncio.wait_for(asyncio.shield(self._keeper), _STOP_S)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self._keeper

    def log(self) -> str:
        """All that its runs have said."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    async def _keep(self) -> None:
        while not self._stopping:
            with self.log_file.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self.spec.argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self.spec.env},
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
            self.starts += 1
            self._up.set()
            code = await self._process.wait()
            expected = self._process.pid in self._signalled
            self._process = None
            if not expected and not self._stopping:
                self.crashes.append(code)
                await asyncio.sleep(_CRASH_PAUSE_S)


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url)).status_code == 200
    except httpx.HTTPError:
        return False


def _die_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
