"""A process that should be there, and its present run."""

import time
from collections.abc import Mapping
from pathlib import Path

from tokenlane_cli.stack.child import Child
from tokenlane_cli.stack.decide import Phase, Seen
from tokenlane_cli.stack.log_tail import last_line
from tokenlane_cli.stack.plan import ProcessSpec

_RUNNING = (Phase.STARTING, Phase.READY, Phase.STOPPING)


class Slot:
    """Starts, watches and ends the runs of one process. Times on the monotonic clock, in seconds."""

    def __init__(self, spec: ProcessSpec, log_file: Path) -> None:
        self.spec = spec
        self.log_file = log_file
        self.phase = Phase.WAITING
        self.since = self.started = time.monotonic()
        self._child: Child | None = None
        self._asked_to_stop = False
        self._crashes = 0
        self._ran_s = 0.0
        self._retry_at = 0.0

    @property
    def pid(self) -> int | None:
        """Process id of the present run."""
        return self._child.pid if self._child else None

    def seen(self) -> Seen:
        """What `decide` looks at."""
        return Seen(
            name=self.spec.name,
            phase=self.phase,
            since=self.since,
            lane=self.spec.lane,
            asked_to_stop=self._asked_to_stop,
            crashes=self._crashes,
            ran_s=self._ran_s,
            retry_at=self._retry_at,
        )

    def enter(self, phase: Phase) -> None:
        """A phase begins."""
        self.phase, self.since = phase, time.monotonic()

    def spawn(self, environment: Mapping[str, str]) -> None:
        """Run the process. If that cannot be, its log says why and it counts as ended."""
        self.enter(Phase.STARTING)
        self.started = self.since
        try:
            self._child = Child(self.spec, self.log_file, environment)
        except OSError as error:
            self._child = None
            with self.log_file.open("a") as log:
                log.write(f"cannot run {self.spec.argv[0]}: {error.strerror}\n")

    def observe(self) -> bool:
        """Look whether the run has ended. True if it did just now."""
        if self.phase not in _RUNNING or (self._child is not None and self._child.exit_code() is None):
            return False
        self._ran_s = time.monotonic() - self.started
        self.kill()
        self.enter(Phase.EXITED)
        return True

    def ask_to_stop(self) -> None:
        """Let it drain and end; it is not run again."""
        self._asked_to_stop = True
        if self.phase in _RUNNING and self._child is not None:
            self._child.terminate()
            self.enter(Phase.STOPPING)
        else:
            self.enter(Phase.EXITED)

    def kill(self) -> None:
        """End the process and its process group."""
        if self._child is not None:
            self._child.kill()

    def restart_at(self, at: float, crashes: int) -> None:
        """Wait for the next run."""
        self._retry_at, self._crashes, self._child = at, crashes, None
        self.enter(Phase.WAITING)

    def epitaph(self) -> str:
        """How the run ended, and its last words."""
        said = last_line(self.log_file)
        return f"{self.spec.name} {_how(self._child)}" + (f": {said}" if said else "")


def _how(child: Child | None) -> str:
    code = child.exit_code() if child else None
    if code is None:
        return "could not be run"
    return f"ended with code {code}" if code >= 0 else f"died of signal {-code}"
