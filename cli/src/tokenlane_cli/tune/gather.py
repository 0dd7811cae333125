"""Recorded requests, counted: from a file or from the bus."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tokenlane_chassis.bus import Bus
from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.source import OnProgress
from tokenlane_cli.tune.analysis import Found, can_simulate
from tokenlane_cli.tune.asking import ask_bus
from tokenlane_cli.tune.present import Known
from tokenlane_cli.tune.rows import Skipped, Wanted, from_bus, from_file
from tokenlane_cli.tune.traffic import Listener, ModelTraffic, Traffic
from tokenlane_proto import subjects, topology

if TYPE_CHECKING:
    from tokenlane_cli.tune.arrivals import Stretch

_NOTHING = "no such request is recorded"
_TELL_EVERY = 4096


@dataclass(slots=True)
class _Counting:
    """`arrivals` is told of each row too, where packages allow it."""

    traffic: Traffic
    skipped: Skipped


def count_file(path: Path, wanted: Wanted, on_progress: OnProgress | None) -> Found:
    """The traffic of the model that has most. Raises UsageError."""
    counting = _begun()
    add = counting.traffic.add
    for row in from_file(path, wanted, counting.skipped, on_progress):
        add(row)
    return _found(counting, Known({}), f"recorded in {path}")


async def count_bus(bus: Bus, wanted: Wanted, url: str, on_rows: Callable[[int], None]) -> Found:
    """The same of what the bus keeps, with what it says of the lanes. `on_rows` hears how many were read. Raises
    UsageError, BusError."""
    counting = _begun()
    rows = 0
    # Where the stream is not there, this says so at once.
    if not await bus.subject_counts(topology.USAGE, subjects.usage(wanted.tenant or "*")):
        raise UsageError(_NOTHING)
    async for row in from_bus(bus, wanted, counting.skipped):
        counting.traffic.add(row)
        rows += 1
        if rows % _TELL_EVERY == 0:
            on_rows(rows)
    model = _model(counting)
    known = await ask_bus(bus, model, list(counting.traffic.by_model[model].lanes))
    return _found(counting, known, f"recorded on the bus at {url}")


def _begun() -> _Counting:
    return _Counting(Traffic(_listeners if can_simulate() else tuple), Skipped())


def _listeners() -> tuple[Listener, ...]:
    # Late: numpy.
    from tokenlane_cli.tune.arrivals import Arrivals

    return (Arrivals(),)


def _model(counting: _Counting) -> str:
    if not counting.traffic.by_model:
        skipped = f" ({counting.skipped.count:,} could not be read)" if counting.skipped.count else ""
        raise UsageError(f"{_NOTHING}{skipped}")
    return counting.traffic.busiest_model()


def _found(counting: _Counting, known: Known, source: str) -> Found:
    model = _model(counting)
    traffic = counting.traffic.by_model[model]
    others = tuple(name for name in counting.traffic.by_model if name != model)
    return Found(model, traffic, known, _stretch(traffic), source, counting.skipped.count, others)


def _stretch(traffic: ModelTraffic) -> "Stretch | None":
    return next(_stretches(traffic), None)


def _stretches(traffic: ModelTraffic) -> "Iterator[Stretch]":
    if not traffic.listeners:
        return
    from tokenlane_cli.tune.arrivals import Arrivals

    for listener in traffic.listeners:
        if isinstance(listener, Arrivals) and (found := listener.found()) is not None:
            yield found
