# mypy: ignore-errors
"""Record what vLLM's own scheduler decides on small workloads, to hold the model against it (`test_vllm_trace.py`).

Run in an environment that has vLLM: `python record_vllm_trace.py vllm_trace.json`. No model is loaded; each scheduled
request that has caught up is given a token that never ends it.
"""

import json
import random
import sys
import tempfile
from pathlib import Path

import torch
from vllm.config import CacheConfig, DeviceConfig, ModelConfig, SchedulerConfig, VllmConfig
from vllm.sampling_params import SamplingParams
from vllm.v1.core.sched.scheduler import Scheduler
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request, RequestStatus
from vllm.v1.structured_output import StructuredOutputManager

SHAPE = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "vocab_size": 1000,
    "max_position_embeddings": 4096,
    "torch_dtype": "float32",
}
LIMITS = {
    "num_blocks": 33,
    "block_size": 16,
    "max_num_seqs": 8,
    "max_num_batched_tokens": 64,
    "max_model_len": 512,
    "long_prefill_token_threshold": 0,
    "reserve_full_prompt": True,
    "watermark": 0.0,
}


def make_scheduler(limits, model_folder):
    model_len, block_size = limits["max_model_len"], limits["block_size"]
    model = ModelConfig(model=model_folder, skip_tokenizer_init=True, dtype="float32", max_model_len=model_len)
    scheduler = SchedulerConfig(
        max_num_seqs=limits["max_num_seqs"],
        max_num_batched_tokens=limits["max_num_batched_tokens"],
        max_model_len=model_len,
        long_prefill_token_threshold=limits["long_prefill_token_threshold"],
        scheduler_reserve_full_isl=limits["reserve_full_prompt"],
        watermark=limits["watermark"],
        enable_chunked_prefill=True,
        async_scheduling=False,
        is_encoder_decoder=False,
    )
    cache = CacheConfig(block_size=block_size, enable_prefix_caching=False)
    cache.num_gpu_blocks = limits["num_blocks"]
    config = VllmConfig(
        model_config=model, scheduler_config=scheduler, cache_config=cache, device_config=DeviceConfig("cpu")
    )
    spec = FullAttentionSpec(block_size=block_size, num_kv_heads=1, head_size=1, dtype=torch.float32)
    group = KVCacheGroupSpec(["layer"], spec)
    return Scheduler(
        vllm_config=config,
        kv_cache_config=KVCacheConfig(limits["num_blocks"], kv_cache_tensors=[], kv_cache_groups=[group]),
        block_size=block_size,
        structured_output_manager=StructuredOutputManager(config),
    )


def run(limits, requests, model_folder):
    scheduler, alive, steps = make_scheduler(limits, model_folder), set(), []
    while len(steps) <= requests[-1][0] or alive:
        for number, (arrival, prompt, output, abort) in enumerate(requests):
            if arrival == len(steps):
                sampling = SamplingParams(max_tokens=output, ignore_eos=True)
                scheduler.add_request(Request(str(number), [7] * prompt, sampling, None))
                alive.add(number)
            if abort == len(steps) and number in alive:
                scheduler.finish_requests(str(number), RequestStatus.FINISHED_ABORTED)
                alive.discard(number)
        steps.append(step(scheduler))
        alive -= set(steps[-1]["finished"])
    return steps


def step(scheduler):
    before = {key: request.num_preemptions for key, request in scheduler.requests.items()}
    output = scheduler.schedule()
    after = {key: request.num_preemptions for key, request in scheduler.requests.items()}
    keys = list(output.num_scheduled_tokens)
    emitted = [key for key in keys if not scheduler.requests[key].is_prefill_chunk]
    sampled = [[9] if key in emitted else [] for key in keys]
    index = {key: at for at, key in enumerate(keys)}
    scheduler.update_from_output(
        output, ModelRunnerOutput(req_ids=keys, req_id_to_index=index, sampled_token_ids=sampled)
    )
    return {
        "scheduled": [[int(key), output.num_scheduled_tokens[key]] for key in keys],
        "emitted": [int(key) for key in emitted],
        "finished": [int(key) for key in keys if key not in scheduler.requests],
        "preempted": sorted(int(key) for key in after if after[key] > before[key]),
        "free_blocks": scheduler.kv_cache_manager.block_pool.get_num_free_blocks(),
    }


def workload(rng, size, spread, longest_prompt, longest_output, aborted=0.0):
    """Sorted [arrival step, prompt tokens, output tokens, abort step or -1]."""
    rows = []
    for _ in range(size):
        arrival = rng.randrange(spread)
        abort = arrival + rng.randrange(1, 30) if rng.random() < aborted else -1
        rows.append([arrival, rng.randint(1, longest_prompt), rng.randint(1, longest_output), abort])
    return sorted(rows)


def cases():
    rng = random.Random(1)
    scarce = {"num_blocks": 20, "max_model_len": 256}
    yield "plain", {}, workload(rng, 12, 20, 120, 30)
    yield "scarce", scarce, workload(rng, 20, 30, 100, 60)
    yield "prefill threshold", {"long_prefill_token_threshold": 24}, workload(rng, 16, 30, 300, 30)
    yield "first chunk only", scarce | {"reserve_full_prompt": False}, workload(rng, 15, 20, 200, 50)
    yield "watermark", scarce | {"num_blocks": 24, "watermark": 0.2}, workload(rng, 15, 20, 100, 60)
    yield "aborts", scarce, workload(rng, 20, 20, 100, 60, aborted=0.4)
    yield "context end", {"max_model_len": 128}, workload(rng, 10, 10, 126, 200)
    many = {"max_num_seqs": 64, "num_blocks": 60, "max_num_batched_tokens": 96, "long_prefill_token_threshold": 48}
    yield "many", many, workload(rng, 40, 40, 150, 40)


def main(target):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(SHAPE))
        traces = [
            {
                "name": name,
                "limits": LIMITS | changes,
                "requests": requests,
                "steps": run(LIMITS | changes, requests, folder),
            }
            for name, changes, requests in cases()
        ]
    lines = ",\n".join(json.dumps(trace, separators=(",", ":")) for trace in traces)
    Path(target).write_text(f"[{lines}]\n")


if __name__ == "__main__":
    main(sys.argv[1])
