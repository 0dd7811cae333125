# mypy: ignore-errors
"""What vLLM's asynchronous scheduler decides, as its engine would ask it: a step ahead of the outcome of the last.

vLLM has no asynchronous scheduling on a CPU, so no model runs here: each scheduled request that has caught up is given
a token that never ends it. `python async_driver.py runs.json answer.json`, in and out as `engine_driver.py`; arrivals
come by the number of steps scheduled.
"""

import copy
import json
import sys
from pathlib import Path

from vllm.engine.arg_utils import EngineArgs
from vllm.sampling_params import SamplingParams
from vllm.v1.core.kv_cache_utils import resolve_kv_cache_block_sizes
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.engine.llm_engine import LLMEngine
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request


def make_scheduler(arguments):
    """Of an engine's own configuration, made asynchronous afterwards."""
    core = LLMEngine.from_engine_args(
        EngineArgs(kv_cache_memory_bytes=1 << 28, disable_log_stats=True, **arguments)
    ).engine_core.engine_core
    config = copy.copy(core.vllm_config)
    config.scheduler_config.async_scheduling = True
    cache = core.scheduler.kv_cache_config
    config.cache_config.num_gpu_blocks = cache.num_blocks
    block_size, hash_block_size = resolve_kv_cache_block_sizes(cache, config)
    return AsyncScheduler(
        vllm_config=config,
        kv_cache_config=cache,
        structured_output_manager=core.structured_output_manager,
        block_size=block_size,
        hash_block_size=hash_block_size,
    )


def run(scheduler, requests):
    """The engine's `step_with_batch_queue`, two batches deep: schedule, then take in the outcome of the one before."""
    waiting = sorted(range(len(requests)), key=lambda number: (requests[number][0], number), reverse=True)
    steps, under_way = [], []
    while waiting or under_way or scheduler.has_requests():
        idle = not under_way and not scheduler.has_requests()
        now = requests[waiting[-1]][0] if waiting and idle else len(steps)
        while waiting and requests[waiting[-1]][0] <= now:
            number = waiting.pop()
            _, prompt, output = requests[number]
            sampling = SamplingParams(max_tokens=output, ignore_eos=True)
            scheduler.add_request(Request(str(number), [10 + number % 1000] * prompt, sampling, None))
        if scheduler.has_requests():
            output = scheduler.schedule()
            if output.total_num_scheduled_tokens:
                steps.append(noted(output))
            under_way.append(
                (output, [not scheduler.requests[key].is_prefill_chunk for key in output.num_scheduled_tokens])
            )
            if len(under_way) < 2 and output.total_num_scheduled_tokens:
                continue
        take_in(scheduler, *under_way.pop(0))
    return steps


def noted(output):
    return {
        "scheduled": [[int(key), tokens] for key, tokens in output.num_scheduled_tokens.items()],
        "preempted": sorted(int(key) for key in output.preempted_req_ids or ()),
        "emitted": [],
        "finished": [],
        "end": 0.0,
        "wall_s": 0.0,
        "cpu_s": 0.0,
    }


def take_in(scheduler, output, caught_up):
    keys = list(output.num_scheduled_tokens)
    sampled = [[9] if ready else [] for ready in caught_up]
    index = {key: at for at, key in enumerate(keys)}
    scheduler.update_from_output(
        output, ModelRunnerOutput(req_ids=keys, req_id_to_index=index, sampled_token_ids=sampled)
    )


def main(source, target):
    runs = json.loads(Path(source).read_text())
    Path(target).write_text(json.dumps([run(make_scheduler(asked["engine"]), asked["requests"]) for asked in runs]))


if __name__ == "__main__":
    main(*sys.argv[1:])
