"""The times of a workload: as vLLM took them, and as the model says with a fitted step cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.validation.modelled import run_on_model
from tests.validation.real_engine import Step
from tests.validation.workloads import Workload
from tokenlane_fleet import StepCost


@dataclass(frozen=True, slots=True)
class Times:
    """Percentiles over the requests, seconds: time to first token, and to the last."""

    ttft_p50: float
    ttft_p99: float
    latency_p50: float
    latency_p99: float

    def residuals(self, real: "Times") -> tuple[float, float, float, float]:
        """Relative, signed, in the order of the fields."""
        return (
            self.ttft_p50 / real.ttft_p50 - 1,
            self.ttft_p99 / real.ttft_p99 - 1,
            self.latency_p50 / real.latency_p50 - 1,
            self.latency_p99 / real.latency_p99 - 1,
        )


def real_times(workload: Workload, steps: Sequence[Step]) -> Times:
    return _times(workload, ((step.emitted, step.end) for step in steps))


def predicted_times(workload: Workload, cost: StepCost) -> Times:
    steps = run_on_model(workload, cost.seconds)
    return _times(workload, ((step.outcome.emitted, step.end) for step in steps))


def stepped_times(
    workload: Workload, emitted: Sequence[Sequence[int]], ends: Sequence[float], seconds: Sequence[float]
) -> Times:
    """Of a run whose arrivals come by step: `ends` is the count of steps after each, `seconds` what each took.

    A request is taken to come when the step begins before which it was added."""
    began = np.concatenate(([0.0], np.cumsum(seconds)))
    place = np.searchsorted(ends, [arrival.at for arrival in workload.arrivals], side="right")
    arrivals = [replace(arrival, at=float(began[at])) for arrival, at in zip(workload.arrivals, place, strict=True)]
    return _times(replace(workload, arrivals=arrivals), zip(emitted, map(float, began[1:]), strict=True))


def _times(workload: Workload, emissions: Iterable[tuple[Sequence[int], float]]) -> Times:
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for emitted, end in emissions:
        for number in emitted:
            first.setdefault(number, end)
            last[number] = end
    came = np.array([arrival.at for arrival in workload.arrivals])
    ttft = np.array([first[number] for number in range(len(came))]) - came
    latency = np.array([last[number] for number in range(len(came))]) - came
    return Times(*map(float, (*np.quantile(ttft, (0.5, 0.99)), *np.quantile(latency, (0.5, 0.99)))))
