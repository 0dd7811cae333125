"""Measures everything anew and prints the tables of docs/validation.md: `python -m tests.validation`, about six
minutes on two cores that do nothing else. Needs `make engine`."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.vllm import VllmServer
from tests.validation import tables
from tests.validation.compare import Comparison, compare
from tests.validation.judge import Judged, judge
from tests.validation.modelled import run_on_model
from tests.validation.real_engine import ASYNC_DRIVER, ENGINE_DRIVER, MODELLED, TINY, Run, make_tiny_model, run_on_vllm
from tests.validation.served import Served, serve, server_arguments
from tests.validation.timed import Clock, timed_run, timed_workloads
from tests.validation.workloads import workloads

_STARTS = 3
_ROUNDS = 3
_PREFIX_CACHING = MODELLED | {"enable_prefix_caching": True}


def compared(engine: dict[str, Any], driver: Path = ENGINE_DRIVER) -> list[Comparison]:
    steps = run_on_vllm([Run(workload, engine) for workload in workloads()], driver)
    return [
        compare(workload.name, len(workload.arrivals), seen, run_on_model(workload))
        for workload, seen in zip(workloads(), steps, strict=True)
    ]


def default_servers() -> Iterator[Served]:
    """Each start serves the mix once: a second time, its prompts would be in the prefix cache."""
    workload = workloads()[-1]
    with tempfile.TemporaryDirectory() as folder:
        for number in range(_STARTS):
            log = Path(folder) / f"{number}.log"
            with VllmServer(log, *server_arguments(workload), model=TINY, name="tiny") as server:
                yield asyncio.run(serve(server.url, "tiny", log, workload))


def predicted(clock: Clock) -> Iterator[Judged]:
    """Every pair of workloads. The first run warms up and is left out."""
    timed = timed_workloads()
    order = [0, *(number for _ in range(_ROUNDS) for number in range(len(timed)))]
    runs = list(zip(order, run_on_vllm([timed_run(timed[number], clock) for number in order]), strict=True))[1:]
    for on, fitted in enumerate(timed):
        for of, other in enumerate(timed):
            if on != of:
                yield judge(
                    fitted,
                    [steps for number, steps in runs if number == on],
                    other,
                    [steps for number, steps in runs if number == of],
                    clock,
                )


def main() -> None:
    """Command line."""
    make_tiny_model()
    print("### Arrivals by step\n")
    print(tables.comparisons(compared(MODELLED)))
    print("### With prefix caching\n")
    print(tables.comparisons(compared(_PREFIX_CACHING)))
    print("### With asynchronous scheduling\n")
    print(tables.comparisons(compared(MODELLED, ASYNC_DRIVER)))
    print("### `vllm serve`, all requests sent at once\n")
    print(tables.served(list(default_servers())))
    for clock in ("cpu", "wall"):
        print(f"### Step times, {clock} clock\n")
        print(tables.predictions(list(predicted(clock))))


if __name__ == "__main__":
    main()
