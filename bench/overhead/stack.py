"""The local stack in front of the instant upstream, and what its processes cost."""

import subprocess
import sys
from contextlib import ExitStack
from types import TracebackType

import psutil

from tests.support.local_stack import LocalStack


class Stack:
    """`tokenlane up` with one worker a lane, on free loopback ports; gone on exit."""

    def __enter__(self) -> "Stack":
        with ExitStack() as resources:
            command = [sys.executable, "-m", "bench.overhead.upstream"]
            upstream = resources.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            resources.callback(upstream.terminate)
            assert upstream.stdout is not None
            self.upstream_url = f"http://127.0.0.1:{int(upstream.stdout.readline())}"
            stack = resources.enter_context(
                LocalStack("--engine-url", self.upstream_url, "--no-autoscaler", "--lanes", "short:4096,long")
            )
            self.url, self.key = stack.url, stack.key
            pids = {process.name: process.pid for process in stack.processes()} | {"upstream": upstream.pid}
            self._processes = {name.removesuffix("-1"): psutil.Process(pid) for name, pid in pids.items()}
            self._resources = resources.pop_all()
        return self

    def cpu_seconds(self) -> dict[str, float]:
        """Processor time of each process so far. Unit: seconds."""
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: spent.user + spent.system for name, spent in times.items()}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._resources.close()
