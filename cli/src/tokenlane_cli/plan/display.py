"""The progress of a plan on a terminal; nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Stage(NamedTuple):
    """Where the work is. `expected` 0: not known; `simulations`: fleets simulated so far."""

    name: str
    done: int = 0
    expected: int = 0
    simulations: int = 0


Tell = Callable[[Stage], None]


@contextmanager
def show_stages(console: Console) -> Iterator[Tell]:
    """A line that follows what the returned function is told, from any thread. It is gone when the context closes."""
    if not console.is_terminal:
        yield lambda stage: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("beginning", total=None)

        def tell(stage: Stage) -> None:
            progress.update(bar, description=_line(stage), completed=stage.done, total=stage.expected or None)

        yield tell


def _line(stage: Stage) -> str:
    return f"{stage.name}, {stage.simulations:,} fleets simulated" if stage.simulations else stage.name
