"""The model's steps are those of real vLLM: the engine with a model in it, arrivals controlled by step."""

from collections.abc import Sequence

import pytest

from tests.support.vllm import VllmServer
from tests.validation.compare import compare
from tests.validation.modelled import run_on_model
from tests.validation.real_engine import Step
from tests.validation.served import serve
from tests.validation.workloads import workloads

pytestmark = pytest.mark.engine

WORKLOADS = workloads()


@pytest.mark.parametrize("number", range(len(WORKLOADS)), ids=lambda number: WORKLOADS[number].name)
def test_every_step_is_vllms(real_steps: dict[str, Sequence[Sequence[Step]]], number: int) -> None:
    workload = WORKLOADS[number]
    steps = real_steps["untimed"][number]
    comparison = compare(workload.name, len(workload.arrivals), steps, run_on_model(workload))
    assert comparison.step_residual <= 0.01, comparison
    assert abs(comparison.model_preemptions - comparison.vllm_preemptions) <= 2, comparison
    assert not comparison.first_difference, comparison


def test_the_workloads_are_not_easy(real_steps: dict[str, Sequence[Sequence[Step]]]) -> None:
    preemptions = [sum(len(step.preempted) for step in steps) for steps in real_steps["untimed"]]
    assert sum(count > 0 for count in preemptions) >= 3, preemptions
    assert max(preemptions) >= 20, preemptions


async def test_a_default_server_under_uncontrolled_arrivals_is_near(server: VllmServer) -> None:
    """Requests come over the first steps and in another order, and a preempted one finds tokens in the prefix cache."""
    served = await serve(server.url, "tiny", server.log, WORKLOADS[-1])
    assert served.preemptions >= 20
    assert abs(served.model_steps / served.steps - 1) <= 0.10, served
    assert abs(served.model_preemptions - served.preemptions) <= 20, served
