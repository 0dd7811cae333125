"""Workloads that arrive by the clock, to predict the times of one from the step times of another.

The model is SmolLM2-135M's shape with fewer layers and random weights, on one core: a step takes some milliseconds of
arithmetic, well above what the engine's bookkeeping takes.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from tests.support.vllm import SMOLLM2
from tests.validation.real_engine import MODELLED, Run, Step
from tests.validation.workloads import Arrival, Workload
from tokenlane_fleet import Batch, SchedulerLimits
from tokenlane_fleet.calibrate.samples import StepSample

LAYERS = 2
VOCABULARY = 2048
ENGINE: dict[str, Any] = {
    **MODELLED,
    "model": str(SMOLLM2),
    "load_format": "dummy",
    "hf_overrides": {"num_hidden_layers": LAYERS, "vocab_size": VOCABULARY},
}
LIMITS = SchedulerLimits(num_blocks=513, block_size=32, max_num_seqs=32, max_num_batched_tokens=128, max_model_len=2048)
_STEPS_A_SECOND = 120
Clock = Literal["wall", "cpu"]


def _poisson(
    seed: int, count: int, rate: float, prompts: tuple[int, int], outputs: tuple[int, int]
) -> tuple[Arrival, ...]:
    dice = random.Random(seed)
    now, arrivals = 0.0, []
    for _ in range(count):
        now += dice.expovariate(rate)
        arrivals.append(Arrival(now, dice.randint(*prompts), dice.randint(*outputs)))
    return tuple(arrivals)


def timed_workloads() -> list[Workload]:
    """The first has a wide range of lengths; they differ in lengths and in concurrency."""
    return [
        Workload("A", LIMITS, _poisson(1, 48, 14.0, (16, 500), (4, 80))),
        Workload("B", LIMITS, _poisson(2, 48, 14.0, (200, 400), (8, 40))),
        Workload("C", LIMITS, _poisson(3, 48, 12.0, (64, 256), (48, 96))),
    ]


def stepped_workloads() -> list[Workload]:
    """A and B as above, but arriving by step, at about the same number a step: every run has the same batches."""
    return [replace(workload, arrivals=_by_step(workload.arrivals)) for workload in timed_workloads()[:2]]


def _by_step(arrivals: Sequence[Arrival]) -> tuple[Arrival, ...]:
    return tuple(replace(arrival, at=int(arrival.at * _STEPS_A_SECOND)) for arrival in arrivals)


def timed_run(workload: Workload, clock: Clock | Literal["step"]) -> Run:
    return Run(workload, ENGINE, clock)


def seconds_of(step: Step, clock: Clock) -> float:
    return step.cpu_s if clock == "cpu" else step.wall_s


def samples_of(workload: Workload, steps: Sequence[Step], clock: Clock) -> list[StepSample]:
    """Every step of a real run, its batch taken from what vLLM scheduled."""
    batches = batches_of(workload, steps)
    return [StepSample((batch,), seconds_of(step, clock)) for batch, step in zip(batches, steps, strict=True)]


def batches_of(workload: Workload, steps: Sequence[Step]) -> Iterator[Batch]:
    """What vLLM's scheduled tokens were: prefill or decode, on which context."""
    computed = [0] * len(workload.arrivals)
    generated = [0] * len(workload.arrivals)
    for step in steps:
        for number in step.preempted:
            computed[number] = 0
        prefill = decodes = context = pairs = 0
        for number, tokens in step.scheduled:
            known = workload.arrivals[number].prompt_tokens + generated[number]
            if generated[number] and known - computed[number] == tokens == 1:
                decodes += 1
            else:
                prefill += tokens
                pairs += tokens * computed[number] + tokens * (tokens + 1) // 2
            computed[number] += tokens
            context += computed[number]
        for number in step.emitted:
            generated[number] += 1
        yield Batch(prefill, decodes, len(step.scheduled), context, pairs)
