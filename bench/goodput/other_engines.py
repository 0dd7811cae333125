"""Lanes' engine settings that come out well for a model on a GPU, against vLLM's defaults."""

from dataclasses import replace

from bench.fleet.contenders import LANE_BOUNDARIES
from bench.fleet.goodput import Bench
from bench.fleet.workloads import Kind, Sources
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Candidate, Engine
from tokenlane_fleet.plan.moves import startable
from tokenlane_fleet.plan.policies import BY_TURNS, lanes, vllm_defaults
from tokenlane_fleet.plan.search import tuned
from tokenlane_fleet.plan.sizing import splits
from tokenlane_fleet.plan.workload import workload

PAIRS = (("llama-3-70b", "h100", 4), ("llama-3-8b", "h100", 1), ("llama-3-70b", "h200", 2))
STEP_BUDGETS = (512, 832, 1024, 1536, 2048, 3072, 4096)
CHUNKS = (0.25, 0.5, 0.75, 0.0)
_CAP_STEPS = 4
_DRAWS = (1, 2, 3)


def default_pool(hardware: Hardware, replicas: int) -> Candidate:
    """vLLM's defaults behind a router that sends to the replica with the fewest requests."""
    return Candidate(vllm_defaults(hardware), (replicas,))


def default_engines(hardware: Hardware, replicas: int) -> Candidate:
    """The queue by turns in front of engines as vLLM sets them up."""
    plain = vllm_defaults(hardware).lanes[0].engine
    engine = replace(plain, prefill_cap=_CAP_STEPS * plain.max_num_batched_tokens)
    return Candidate(lanes((LANE_BOUNDARIES[1],), (engine, engine), BY_TURNS), _half(replicas))


def lanes_for(bench: Bench, sources: Sources, kind: Kind, replicas: int) -> Candidate:
    """Found on one draw: the best engine for both lanes, then each lane's settings in turn."""
    hardware = bench.hardware
    grid = [_engine(hardware, tokens, part) for tokens in STEP_BUDGETS for part in CHUNKS]
    engines = [engine for engine in grid if startable(engine, hardware)]
    starts = [
        Candidate(lanes((boundary,), (engine, engine), BY_TURNS), _half(replicas))
        for engine in engines
        for boundary in LANE_BOUNDARIES[1:3]
    ]
    of = workload(sources.trace(kind, kind.per_replica * replicas), bench.slo)
    found = tuned(bench.search(replicas), of, starts)
    return starts[0] if found is None else found.candidate


def goodput(bench: Bench, sources: Sources, kind: Kind, of: Candidate) -> float:
    """Requests/s of a replica, the mean of draws on which nothing was tuned."""
    replicas = sum(of.replicas)
    traces = [sources.trace(kind, kind.per_replica * replicas, draw) for draw in _DRAWS]
    return sum(bench.highest_rate(trace, of) for trace in traces) / len(traces) / replicas


def _engine(hardware: Hardware, tokens: int, part: float) -> Engine:
    return Engine(hardware.max_model_len, 256, tokens, int(tokens * part), 1.0, _CAP_STEPS * tokens)


def _half(replicas: int) -> tuple[int, ...]:
    return splits(replicas, (1, 1), 0)[0]
