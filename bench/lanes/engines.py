"""Two vLLM servers with the tiny model, or two that make their steps, and what their metrics say."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from bench.lanes.simulated import SimulatedServer
from bench.lanes.steps import ARGUMENT, StepLog
from tests.support.vllm import CACHE, VllmServer

MODEL = "tiny"
TINY = CACHE / "models" / "tiny-llama"
# The KV cache of each, less the block that vLLM keeps for itself.
BLOCKS, BLOCK_SIZE = 256, 32
_COMMON = ("--num-gpu-blocks-override", str(BLOCKS + 1), "--block-size", str(BLOCK_SIZE), ARGUMENT)
_PREEMPTIONS = "vllm:num_preemptions_total"
_STEPS = "vllm:iteration_tokens_total_count"
_QUEUED_S = "vllm:request_queue_time_seconds_sum"
# Steps of niceness. A GPU does not take the processor from the processes that bring it work.
_NICER = 5
_WARM_UP = {"model": MODEL, "prompt": [7, 8, 9], "max_tokens": 4}


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the engine started. `metric_steps`: steps that put out a token. `queued_s`: seconds that requests waited in
    the engine's own queue, all together."""

    preemptions: int
    metric_steps: int
    queued_s: float

    def __sub__(self, before: "Counters") -> "Counters":
        return Counters(
            self.preemptions - before.preemptions,
            self.metric_steps - before.metric_steps,
            self.queued_s - before.queued_s,
        )


class RealServer(VllmServer):
    """`vllm serve`, whose engine can be held."""

    def processes(self) -> list[psutil.Process]:
        """Those of the engine; the door of the server is another."""
        return psutil.Process(self._process.pid).children(recursive=True)


class Engine:
    """One server and its log of steps."""

    def __init__(self, log: Path, arguments: Sequence[str], simulated: bool) -> None:
        server = SimulatedServer if simulated else RealServer
        self.server = server(log, *_COMMON, *arguments, model=TINY, name=MODEL)
        self.steps = StepLog(log)
        # A simulated step takes its time without the processor.
        self.paced = not simulated
        self._engine_processes: list[psutil.Process] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    def start(self) -> None:
        """Start the server, so that it leaves the processor to whatever brings it work."""
        # Of this thread, and of what it starts.
        os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + _NICER)
        self.server.__enter__()

    def hold(self) -> None:
        """No step is made from now on."""
        for process in self._processes():
            process.suspend()

    def go_on(self) -> None:
        """After `hold`."""
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        if not self._engine_processes:
            self._engine_processes = self.server.processes()
        return self._engine_processes

    def counters(self) -> Counters:
        """What its metrics say now."""
        found: Mapping[str, float] = {
            sample.name: sample.value
            for family in text_string_to_metric_families(httpx.get(f"{self.url}/metrics").text)
            for sample in family.samples
            if sample.name in (_PREEMPTIONS, _STEPS, _QUEUED_S)
        }
        return Counters(round(found[_PREEMPTIONS]), round(found[_STEPS]), found[_QUEUED_S])

    def warm_up(self) -> None:
        """The first answer is slow."""
        httpx.post(f"{self.url}/v1/completions", json=_WARM_UP, timeout=60).raise_for_status()


class Engines:
    """Up and warm on enter, gone on exit. `arguments`: those of each server beside what both have."""

    def __init__(self, *arguments: Sequence[str], simulated: bool) -> None:
        self._arguments = arguments
        self._simulated = simulated

    def __enter__(self) -> list[Engine]:
        with ExitStack() as resources:
            folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="tokenlane-lanes-")))
            engines = [
                Engine(folder / f"{number}.log", own, self._simulated) for number, own in enumerate(self._arguments)
            ]
            with ThreadPoolExecutor(len(engines)) as pool:
                for started in [pool.submit(engine.start) for engine in engines]:
                    started.result()
            for engine in engines:
                resources.callback(engine.server.__exit__, None, None, None)
            for engine in engines:
                engine.warm_up()
            self._resources = resources.pop_all()
        return engines

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._resources.close()
