"""A simulated fleet in the report's figures."""

from dataclasses import dataclass

import numpy as np

from tokenlane_fleet.hardware.hardware import Hardware, engine_flags
from tokenlane_fleet.plan.design import Design, Lane, limits
from tokenlane_fleet.plan.report import ClassFigures, Curve, Option, PoolPlan, SloFacts, TraceFacts
from tokenlane_fleet.plan.sizing import Size
from tokenlane_fleet.sim.fleet import Pull
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.slo import ClassLimits, Slo, class_of, kept
from tokenlane_fleet.sim.trace import Seconds, Trace

_FRACTIONS = np.concatenate((np.linspace(0, 0.9, 91), np.linspace(0.9, 1, 101)[1:]))
"""Of a latency distribution: the tail is what is looked at."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a strategy came to. `headroom`: a power of LOAD_STEP turned into a factor, 0 for none."""

    key: str
    title: str
    dispatch: str
    design: Design
    size: Size
    headroom: float


def option(found: Found, result: Result, hardware: Hardware, slo: Slo, price_per_gpu_hour: float) -> Option:
    """`result` is of the whole trace. GPU-hours are those from its first arrival to its last."""
    gpus = found.size.total * hardware.tensor_parallel
    span_s = result.trace.duration_s or max(result.ended_s - float(result.trace.arrival_s[0]), 1e-9)
    gpu_hours = gpus * span_s / 3600
    rejected = int(result.rejected.sum())
    return Option(
        key=found.key,
        title=found.title,
        dispatch=found.dispatch,
        pools=tuple(
            pool_plan(lane, count, found.design, hardware)
            for lane, count in zip(found.design.lanes, found.size.replicas, strict=True)
        ),
        meets_slo=found.size.kept,
        replicas=found.size.total,
        gpus=gpus,
        gpu_hours=gpu_hours,
        cost=gpu_hours * price_per_gpu_hour,
        cost_per_hour=gpus * price_per_gpu_hour,
        goodput_per_gpu=float(kept(result, slo).sum()) / span_s / gpus,
        classes=class_figures(result, slo),
        preemptions=result.preemptions,
        preemptions_per_1000=1000 * result.preemptions / len(result.trace),
        rejected=rejected,
        moved=int(result.moved.sum()),
        curves=curves(result, slo),
        headroom=found.headroom,
    )


def pool_plan(lane: Lane, replicas: int, design: Design, hardware: Hardware) -> PoolPlan:
    """A lane as it is deployed."""
    engine = lane.engine
    pulled = isinstance(design.dispatch, Pull)
    return PoolPlan(
        name=lane.name,
        up_to_tokens=lane.up_to_tokens,
        replicas=replicas,
        max_model_len=engine.max_model_len,
        max_num_seqs=engine.max_num_seqs,
        max_num_batched_tokens=engine.max_num_batched_tokens,
        long_prefill_token_threshold=engine.long_prefill_token_threshold,
        kv_overcommit=engine.kv_overcommit if pulled else 1.0,
        prefill_cap=engine.prefill_cap if pulled else 0,
        engine_flags=engine_flags(hardware, limits(engine, hardware)),
    )


def class_figures(result: Result, slo: Slo) -> tuple[ClassFigures, ...]:
    """Of the requests that were served; `attainment` of all."""
    classes, good = class_of(result.trace, slo), kept(result, slo)
    found = []
    for index, of in enumerate(slo.classes):
        mine = classes == index
        ttft, tpot = (_quantiles(values[mine], (0.5, 0.99)) for values in (result.ttft_s, result.tpot_s))
        share = float(good[mine].mean()) if mine.any() else 0.0
        found.append(ClassFigures(of.name, int(mine.sum()), share, *ttft, *tpot))
    return tuple(found)


def curves(result: Result, slo: Slo) -> tuple[Curve, ...]:
    """Latency distributions of the served requests by class, none for a class without."""
    classes = class_of(result.trace, slo)
    found = []
    for index, of in enumerate(slo.classes):
        mine = (classes == index) & ~result.rejected
        if mine.any():
            for metric, values in (("ttft", result.ttft_s), ("tpot", result.tpot_s)):
                points = np.quantile(values[mine], _FRACTIONS)
                found.append(Curve(of.name, metric, tuple(points.tolist()), tuple(_FRACTIONS.tolist())))
    return tuple(found)


def trace_facts(trace: Trace, note: str) -> TraceFacts:
    """The requests in a few numbers."""
    prompt = np.percentile(trace.prompt_tokens, (50, 99))
    output = np.percentile(trace.output_tokens, (50, 99))
    return TraceFacts(
        name=trace.name,
        requests=len(trace),
        duration_s=trace.duration_s,
        rate=trace.rate,
        prompt_p50=round(float(prompt[0])),
        prompt_p99=round(float(prompt[1])),
        output_p50=round(float(output[0])),
        output_p99=round(float(output[1])),
        total_max=int(trace.total_tokens.max()),
        note=note,
    )


def slo_facts(slo: Slo) -> tuple[SloFacts, ...]:
    """The objectives in words."""
    return tuple(SloFacts(of.name, of.up_to_tokens, _ttft(of), of.tpot_s) for of in slo.classes)


def _ttft(of: ClassLimits) -> str:
    if not np.isfinite(of.prompt_tokens_per_s):
        return f"{max(of.ttft_s, of.ttft_offset_s):g} s"
    return f"max({of.ttft_s:g} s, {of.ttft_offset_s:g} s + prompt / {of.prompt_tokens_per_s:g} a second)"


def _quantiles(values: Seconds, fractions: tuple[float, ...]) -> tuple[float, ...]:
    served = values[~np.isnan(values)]
    return tuple(np.quantile(served, fractions).tolist()) if len(served) else (0.0,) * len(fractions)
