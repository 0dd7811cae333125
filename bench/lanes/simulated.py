"""A server that makes the steps vLLM would make, without a model: for machines without `make engine`.

    python -m bench.lanes.simulated LOG [--max-num-seqs 128] …    # prints its URL

Steps are those of `tokenlane_fleet`'s scheduler, which decides as vLLM does (docs/validation.md), and take the time of
Llama-3-8B on an H100 by data sheets. It knows as much of the API as the benchmark asks, and logs steps as vLLM does.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import psutil
import uvloop
from aiohttp import web

from tokenlane_fleet import Request, Scheduler, SchedulerLimits, StepOutcome, find_profile

_PROFILE = "h100-llama3-8b"
_CONTEXT = 4_096
_STEP = (
    "Iteration({}): {} context requests, {} context tokens, {} generation requests, {} generation tokens, "
    "simulated KV cache usage: {:.1f}%\n"
)
_METRICS = (
    'vllm:cache_config_info{{block_size="{block_size}",num_gpu_blocks="{blocks}"}} 1.0\n'
    "vllm:num_preemptions_total {preemptions}\n"
    "vllm:iteration_tokens_total_count {steps}\n"
    "vllm:request_queue_time_seconds_sum {queued_s}\n"
    "vllm:num_requests_running {running}\n"
    "vllm:num_requests_waiting {waiting}\n"
    "vllm:generation_tokens_total {generated}\n"
)


class SimulatedServer:
    """As `tests.support.vllm.VllmServer`: up on enter, gone on exit."""

    def __init__(self, log: Path, *arguments: str, model: Path, name: str) -> None:
        self._command = [sys.executable, "-m", "bench.lanes.simulated", str(log), "--name", name, *arguments]
        self._log = log

    def __enter__(self) -> "SimulatedServer":
        self._log.touch()
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        return self

    def processes(self) -> list[psutil.Process]:
        """It is its own engine."""
        return [psutil.Process(self._process.pid)]

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()


class _Engine:
    """Makes a step after the other while there is work, each in its time."""

    def __init__(self, limits: SchedulerLimits, log: Path) -> None:
        self.limits = limits
        self.scheduler = Scheduler(limits)
        self.queued_s = 0.0
        self._cost = find_profile(_PROFILE).cost
        self._log = log.open("a", buffering=1)
        self._ends: dict[int, asyncio.Future[None]] = {}
        self._requests = 0
        self._work = asyncio.Event()

    async def answer(self, prompt_tokens: int, output_tokens: int) -> None:
        """Return when a request is done."""
        self._requests += 1
        end = self._ends[self._requests] = asyncio.get_running_loop().create_future()
        self.scheduler.add(Request(self._requests, prompt_tokens, output_tokens))
        self._work.set()
        await end

    async def run(self) -> None:
        """For ever."""
        while True:
            if not self.scheduler.has_work():
                self._work.clear()
                await self._work.wait()
            outcome = self.scheduler.step()
            seconds = self._cost.seconds(outcome.batch)
            await asyncio.sleep(seconds)
            self.queued_s += seconds * self.scheduler.num_waiting
            self._say(outcome)
            for number in outcome.finished:
                self._ends.pop(number).set_result(None)

    def _say(self, outcome: StepOutcome) -> None:
        batch, made = outcome.batch, self.scheduler.totals.steps - 1
        prompts = batch.num_seqs - batch.decode_seqs
        usage = self.scheduler.kv_usage * 100
        self._log.write(_STEP.format(made, prompts, batch.prefill_tokens, batch.decode_seqs, batch.decode_seqs, usage))


class _Api:
    """What the benchmark and a worker ask of the server."""

    def __init__(self, engine: _Engine, name: str) -> None:
        self._engine, self._name = engine, name

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/health", self._healthy)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/v1/completions", self._complete)
        return app

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _models(self, request: web.Request) -> web.Response:
        model = {"id": self._name, "object": "model", "max_model_len": self._engine.limits.max_model_len}
        return web.json_response({"object": "list", "data": [model]})

    async def _metrics(self, request: web.Request) -> web.Response:
        engine, scheduler = self._engine, self._engine.scheduler
        text = _METRICS.format(
            block_size=engine.limits.block_size,
            blocks=engine.limits.num_blocks,
            preemptions=scheduler.totals.preemptions,
            steps=scheduler.totals.steps,
            queued_s=engine.queued_s,
            running=scheduler.num_running,
            waiting=scheduler.num_waiting,
            generated=scheduler.totals.generation_tokens,
        )
        return web.Response(text=text)

    async def _complete(self, request: web.Request) -> web.Response:
        asked = await request.json()
        prompt, output = len(asked["prompt"]), int(asked["max_tokens"])
        await self._engine.answer(prompt, output)
        usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
        choice = {"index": 0, "text": "", "finish_reason": "length"}
        return web.json_response({"object": "text_completion", "choices": [choice], "usage": usage})


def _limits(arguments: argparse.Namespace) -> SchedulerLimits:
    return SchedulerLimits(
        num_blocks=arguments.num_gpu_blocks_override,
        block_size=arguments.block_size,
        max_num_seqs=arguments.max_num_seqs,
        max_num_batched_tokens=arguments.max_num_batched_tokens,
        max_model_len=_CONTEXT,
    )


def _parse(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """What is left out is as vLLM has it on a CPU."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    parser.add_argument("--name", default="simulated")
    parser.add_argument("--num-gpu-blocks-override", type=int, default=257)
    parser.add_argument("--block-size", type=int, default=32)
    parser.add_argument("--max-num-seqs", type=int, default=128)
    parser.add_argument("--max-num-batched-tokens", type=int, default=2_048)
    parser.add_argument("--enable-logging-iteration-details", action="store_true", help="it always does")
    return parser.parse_args(argv)


async def _serve(arguments: argparse.Namespace) -> None:
    engine = _Engine(_limits(arguments), arguments.log)
    runner = web.AppRunner(_Api(engine, arguments.name).app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await engine.run()


if __name__ == "__main__":
    uvloop.run(_serve(_parse()))
