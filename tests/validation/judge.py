"""Fit on the runs of one workload, predict another's times, compare: with the machine's drift in view."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.validation.modelled import run_on_model
from tests.validation.predict import Times, predicted_times, real_times, stepped_times
from tests.validation.real_engine import Step
from tests.validation.timed import Clock, batches_of, samples_of, seconds_of
from tests.validation.workloads import Workload
from tokenlane_fleet.calibrate.fit import Fitted, Residuals, fit
from tokenlane_fleet.calibrate.samples import Array, StepSample


@dataclass(frozen=True, slots=True)
class Judged:
    """`real` are the medians over the runs of each percentile. `drift`: the slowest run of what was fitted on over
    the fastest, less one, for the same work."""

    fitted: str
    predicted: str
    fit: Residuals
    model: Times
    real: Times
    drift: float

    @property
    def residuals(self) -> tuple[float, float, float, float]:
        return self.model.residuals(self.real)


def judge(
    on: Workload, on_runs: Sequence[Sequence[Step]], other: Workload, runs: Sequence[Sequence[Step]], clock: Clock
) -> Judged:
    """Fit on all of `on_runs`, predict `other`."""
    fitted = fit([sample for steps in on_runs for sample in samples_of(on, steps, clock)])
    speeds = [_speed(fitted, on, steps, clock) for steps in on_runs]
    real = np.median([_row(real_times(other, steps)) for steps in runs], axis=0)
    return Judged(
        fitted=on.name,
        predicted=other.name,
        fit=fitted.residuals,
        model=predicted_times(other, fitted.cost),
        real=Times(*map(float, real)),
        drift=max(speeds) / min(speeds) - 1,
    )


def _speed(fitted: Fitted, workload: Workload, steps: Sequence[Step], clock: Clock) -> float:
    """Seconds a second of the fit's."""
    said = sum(fitted.seconds(sample) for sample in samples_of(workload, steps, clock))
    return sum(seconds_of(step, clock) for step in steps) / said


def _row(times: Times) -> tuple[float, float, float, float]:
    return times.ttft_p50, times.ttft_p99, times.latency_p50, times.latency_p99


def least_seconds(runs: Sequence[Sequence[Step]]) -> Array:
    """Of each step the least processor time over the runs, which have the same batches: what disturbs a step makes it
    longer, never shorter."""
    least: Array = np.min([[step.cpu_s for step in steps] for steps in runs], axis=0)
    return least


def judge_stepped(
    on: Workload, on_runs: Sequence[Sequence[Step]], other: Workload, runs: Sequence[Sequence[Step]]
) -> Judged:
    """As `judge`, for arrivals by step. `drift` is what the last run still took off the least seconds."""
    batches, seconds = batches_of(on, on_runs[0]), least_seconds(on_runs)
    fitted = fit([StepSample((batch,), float(took)) for batch, took in zip(batches, seconds, strict=True)])
    modelled = run_on_model(other)
    least = least_seconds(runs)
    drifts = [least_seconds(each[:-1]).sum() / least_seconds(each).sum() - 1 for each in (on_runs, runs)]
    return Judged(
        fitted=on.name,
        predicted=other.name,
        fit=fitted.residuals,
        model=stepped_times(
            other,
            [step.outcome.emitted for step in modelled],
            [step.end for step in modelled],
            [fitted.cost.seconds(step.outcome.batch) for step in modelled],
        ),
        real=stepped_times(other, [step.emitted for step in runs[0]], [step.end for step in runs[0]], least.tolist()),
        drift=float(max(drifts)),
    )
