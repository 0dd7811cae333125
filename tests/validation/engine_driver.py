# mypy: ignore-errors
"""Drive real vLLM in this process, a model executing, and write what every step did.

Run in an environment that has vLLM: `python engine_driver.py runs.json answer.json`. A run is `{"engine": EngineArgs,
"clock": "step" | "wall" | "cpu", "requests": [[arrival, prompt tokens, output tokens], …]}`; the answer lists its
steps. Consecutive runs with the same arguments share one engine.

The clock stands still between steps. Under "step" it counts them; under "wall" and "cpu" it is the sum of what the
steps took, by the wall or by this process's processor time, and jumps to the next arrival where nothing is to do.
"""

import gc
import json
import sys
import time
from itertools import groupby
from pathlib import Path

from vllm.engine.arg_utils import EngineArgs
from vllm.inputs import TokensPrompt
from vllm.sampling_params import RequestOutputKind, SamplingParams
from vllm.v1.engine.llm_engine import LLMEngine

_LOWEST_TOKEN = 10
_TOKENS = 1500


class Driven:
    """One engine. What its scheduler decides and how long its steps take is noted in passing."""

    def __init__(self, arguments):
        # The cache's memory is checked before the override of its blocks replaces it.
        self.engine = LLMEngine.from_engine_args(
            EngineArgs(kv_cache_memory_bytes=1 << 28, disable_log_stats=True, **arguments)
        )
        self.core = self.engine.engine_core.engine_core
        self._schedule, self._step = self.core.scheduler.schedule, self.core.step_fn
        self.core.scheduler.schedule, self.core.step_fn = self._noted_schedule, self._timed_step
        self._runs = 0

    def _noted_schedule(self, *arguments):
        output = self._schedule(*arguments)
        if output.num_scheduled_tokens:
            self.steps.append(
                {
                    "scheduled": [[_number(key), tokens] for key, tokens in output.num_scheduled_tokens.items()],
                    "preempted": sorted(_number(key) for key in output.preempted_req_ids or ()),
                    "emitted": [],
                    "finished": [],
                    "wall_s": 0.0,
                    "cpu_s": 0.0,
                }
            )
        return output

    def _timed_step(self):
        wall, cpu = time.perf_counter(), time.process_time()
        answer = self._step()
        self.took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "step": 1}
        return answer

    def run(self, clock, requests):
        self.steps, self.took = [], {}
        self._runs += 1
        waiting = sorted(range(len(requests)), key=lambda number: (requests[number][0], number), reverse=True)
        now = 0.0
        while waiting or self.engine.has_unfinished_requests():
            if not self.engine.has_unfinished_requests():
                now = max(now, requests[waiting[-1]][0])
            while waiting and requests[waiting[-1]][0] <= now:
                self._add(waiting.pop(), requests)
            known = len(self.steps)
            outputs = self.engine.step()
            now += self.took[clock]
            self._note(self.steps[known:] or self.steps[-1:], outputs, now)
        return self.steps

    def _add(self, number, requests):
        _, prompt, output = requests[number]
        # Unique first tokens: where prefix caching is on, it must not find one request in another.
        tokens = [_LOWEST_TOKEN + (number + 1) * 7 % _TOKENS, _LOWEST_TOKEN + self._runs % _TOKENS]
        tokens += [_LOWEST_TOKEN + (number * 31 + at * at * 17) % _TOKENS for at in range(prompt)]
        sampling = SamplingParams(
            max_tokens=output, ignore_eos=True, temperature=0, detokenize=False, output_kind=RequestOutputKind.DELTA
        )
        self.engine.add_request(str(number), TokensPrompt(prompt_token_ids=tokens[:prompt]), sampling)

    def _note(self, steps, outputs, now):
        step = steps[0]
        step["wall_s"] += self.took["wall"]
        step["cpu_s"] += self.took["cpu"]
        step["end"] = now
        step["emitted"] += [_number(output.request_id) for output in outputs if output.outputs[0].token_ids]
        step["finished"] += [_number(output.request_id) for output in outputs if output.finished]

    def stop(self):
        self.engine.engine_core.shutdown()


def _number(key):
    return int(key.split("-")[0])


def main(source, target):
    answers = []
    runs = json.loads(Path(source).read_text())
    for arguments, group in groupby(runs, key=lambda run: json.dumps(run["engine"], sort_keys=True)):
        began = time.perf_counter()
        driven = Driven(json.loads(arguments))
        print(f"engine up in {time.perf_counter() - began:.1f} s", flush=True)
        for run in group:
            began = time.perf_counter()
            answers.append(driven.run(run["clock"], run["requests"]))
            print(f"{len(answers[-1])} steps in {time.perf_counter() - began:.1f} s", flush=True)
        driven.stop()
        del driven
        gc.collect()
    Path(target).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
