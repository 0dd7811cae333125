"""Real vLLM, started as few times as may be."""

from collections.abc import Iterator, Sequence

import pytest

from tests.support.vllm import ENGINE_BIN, VllmServer
from tests.validation.real_engine import MODELLED, TINY, Run, Step, make_tiny_model, run_on_vllm
from tests.validation.served import server_arguments
from tests.validation.timed import stepped_workloads, timed_run
from tests.validation.workloads import workloads

_REPEATS = 3


@pytest.fixture(scope="session", autouse=True)
def engine_environment() -> None:
    if not (ENGINE_BIN / "vllm").exists():
        pytest.fail("the engine environment is not set up: run `make engine`", pytrace=False)
    make_tiny_model()


def alternating_runs() -> list[Run]:
    """Of the two timed workloads in turn, so that what slows the machine down slows both."""
    return [timed_run(workload, "step") for _ in range(_REPEATS) for workload in stepped_workloads()]


@pytest.fixture(scope="session")
def real_steps(engine_environment: None) -> dict[str, Sequence[Sequence[Step]]]:
    """The steps of all workloads, and of the timed ones alternating, out of one process."""
    untimed = [Run(workload, MODELLED) for workload in workloads()]
    runs = run_on_vllm([*untimed, *alternating_runs()])
    return {"untimed": runs[: len(untimed)], "alternating": runs[len(untimed) :]}


@pytest.fixture(scope="package")
def server(engine_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """`vllm serve` with the tiny model and the limits of the last workload."""
    log = tmp_path_factory.mktemp("validation") / "vllm.log"
    with VllmServer(log, *server_arguments(workloads()[-1]), model=TINY, name="tiny") as started:
        yield started
