"""What a plan says. Frozen values of plain Python types, so that a plan can be written down as it is.

Times in seconds, lengths in tokens, shares from 0 to 1, money in the unit of the price given.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """The requests that were simulated. `note` says what was left out or made up; empty where nothing was."""

    name: str
    requests: int
    duration_s: float
    rate: float
    prompt_p50: int
    prompt_p99: int
    output_p50: int
    output_p99: int
    total_max: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class of requests under one option. `attainment`: share that kept both limits. nan-free: 0 where empty."""

    name: str
    requests: int
    attainment: float
    ttft_p50_s: float
    ttft_p99_s: float
    tpot_p50_s: float
    tpot_p99_s: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A latency distribution, at most 200 points, both ascending. `metric` is "ttft" or "tpot"."""

    class_name: str
    metric: str
    values_s: tuple[float, ...]
    fractions: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A lane of an option. `up_to_tokens`: its boundary, None for the last. `engine_flags`: for `vllm serve`."""

    name: str
    up_to_tokens: int | None
    replicas: int
    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    long_prefill_token_threshold: int
    kv_overcommit: float
    prefill_cap: int
    engine_flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """The cheapest fleet found for one strategy. `meets_slo` False: none up to the largest fleet tried does, and the
    figures are those of the largest. `goodput_per_gpu`: requests a second that kept their limits, a GPU. `headroom`:
    the highest load, as a multiple of the trace's, at which this fleet keeps them (3 % resolution; 0: none)."""

    key: str
    title: str
    dispatch: str
    pools: tuple[PoolPlan, ...]
    meets_slo: bool
    replicas: int
    gpus: int
    gpu_hours: float
    cost: float
    cost_per_hour: float
    goodput_per_gpu: float
    classes: tuple[ClassFigures, ...]
    preemptions: int
    preemptions_per_1000: float
    rejected: int
    moved: int
    curves: tuple[Curve, ...]
    headroom: float = 1.0


@dataclass(frozen=True, slots=True)
class BoundaryPoint:
    """Two fixed lanes at one boundary. `alpha`: share of short requests; `rho`: requests a second of a short lane's GPU
    over those of the single pool's; `closed_form` alpha * (1 - 1/rho), `simulated`: savings against that pool, both
    may be negative. `unrounded`: simulated savings if parts of a replica could be had."""

    up_to_tokens: int
    short_replicas: int
    long_replicas: int
    gpus: int
    cost_per_hour: float
    meets_slo: bool
    alpha: float
    rho: float
    closed_form: float
    simulated: float
    unrounded: float = 0.0


@dataclass(frozen=True, slots=True)
class SloFacts:
    """A class's limits, in words a person reads: `ttft` as in "max(5 s, 1 s + prompt / 4000 a second)"."""

    class_name: str
    up_to_tokens: int | None
    ttft: str
    tpot_s: float


@dataclass(frozen=True, slots=True)
class PlanReport:
    """`best` is the key of the recommended option, None where none keeps the objectives. `verdict`: sentences."""

    trace: TraceFacts
    model: str
    gpu: str
    tensor_parallel: int
    price_per_gpu_hour: float
    step_time: str
    slo: tuple[SloFacts, ...]
    attainment: float
    options: tuple[Option, ...]
    boundaries: tuple[BoundaryPoint, ...]
    best: str | None
    verdict: tuple[str, ...]
    warnings: tuple[str, ...]
    simulations: int
    seed: int
