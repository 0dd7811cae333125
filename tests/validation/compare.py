"""How far the model's steps are from vLLM's."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.validation.modelled import ModelStep
from tests.validation.real_engine import Step


@dataclass(frozen=True, slots=True)
class Comparison:
    """Counts of vLLM and of the model; `first_difference` is the first step whose composition is not the same."""

    name: str
    requests: int
    vllm_steps: int
    model_steps: int
    vllm_preemptions: int
    model_preemptions: int
    equal_steps: int
    first_difference: str

    @property
    def step_residual(self) -> float:
        """Relative."""
        return abs(self.model_steps - self.vllm_steps) / self.vllm_steps


def compare(name: str, requests: int, vllm: Sequence[Step], model: Sequence[ModelStep]) -> Comparison:
    """Steps are compared in order: what was scheduled (which requests, how many tokens, in which order), what was
    preempted, what finished."""
    differences = [
        f"step {number}: vLLM {seen}, model {said}"
        for number, (seen, said) in enumerate(zip(map(_seen, vllm), map(_said, model), strict=False))
        if seen != said
    ]
    return Comparison(
        name=name,
        requests=requests,
        vllm_steps=len(vllm),
        model_steps=len(model),
        vllm_preemptions=sum(len(step.preempted) for step in vllm),
        model_preemptions=sum(len(step.outcome.preempted) for step in model),
        equal_steps=min(len(vllm), len(model)) - len(differences),
        first_difference=differences[0] if differences else "",
    )


def _seen(step: Step) -> tuple[object, ...]:
    return step.scheduled, step.preempted, tuple(sorted(step.finished))


def _said(step: ModelStep) -> tuple[object, ...]:
    outcome = step.outcome
    scheduled = tuple(zip(outcome.scheduled, outcome.scheduled_tokens, strict=True))
    return scheduled, tuple(sorted(outcome.preempted)), tuple(sorted(outcome.finished))
