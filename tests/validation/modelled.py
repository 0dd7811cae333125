"""The same workloads on the model, under a virtual clock."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.validation.workloads import Workload
from tokenlane_fleet import Batch, Request, Scheduler, StepOutcome


@dataclass(frozen=True, slots=True)
class ModelStep:
    """An outcome, and the clock after it."""

    outcome: StepOutcome
    end: float


def run_on_model(workload: Workload, step_took: Callable[[Batch], float] = lambda batch: 1) -> list[ModelStep]:
    """Until all is done. The clock advances by what `step_took` says; idle, it jumps to the next arrival."""
    scheduler = Scheduler(workload.limits)
    waiting = sorted(enumerate(workload.arrivals), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    steps: list[ModelStep] = []
    now = 0.0
    while waiting or scheduler.has_work():
        if not scheduler.has_work():
            now = max(now, waiting[-1][1].at)
        while waiting and waiting[-1][1].at <= now:
            number, arrival = waiting.pop()
            scheduler.add(Request(number, arrival.prompt_tokens, arrival.output_tokens))
        outcome = scheduler.step()
        now += step_took(outcome.batch)
        steps.append(ModelStep(outcome, now))
    return steps
