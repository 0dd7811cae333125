"""A trace file as arrays to simulate. Needs numpy. Raises UsageError."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tokenlane_cli.errors import UsageError
from tokenlane_cli.traces.block import Findings
from tokenlane_cli.traces.busiest import Busiest, Columns, as_columns
from tokenlane_cli.traces.drawn import drawn_blocks
from tokenlane_cli.traces.reader import open_trace
from tokenlane_cli.traces.source import OnProgress
from tokenlane_cli.traces.summary import Facts, Summary, exact
from tokenlane_fleet.distribution import OUTPUT_SHARE, Distribution
from tokenlane_fleet.sim.trace import Trace

WINDOW = 200_000
# Drawn from a distribution where nothing else is said.
DRAWN = 20_000


@dataclass(frozen=True, eq=False)
class LoadedTrace:
    """What to simulate, what the whole file is like (as recorded, whatever `rate`), and what is to be said of it."""

    trace: Trace
    facts: Facts
    notes: tuple[str, ...]


def load(
    path: Path,
    *,
    limit: int | None = None,
    rate: float | None = None,
    seed: int = 0,
    window: int = WINDOW,
    on_progress: OnProgress | None = None,
) -> LoadedTrace:
    """The first `limit` requests, of more than `window` the busiest stretch. `rate` (requests a second) stretches time;
    a distribution needs it, and `seed`. Memory is bounded by `window`, not by the file."""
    findings = Findings()
    opened = open_trace(path, limit, findings, on_progress)
    if isinstance(opened, Distribution):
        return _drawn(path, opened, min(limit or DRAWN, window), rate, seed)
    busiest, summary = Busiest(window), Summary()
    for columns in as_columns(opened):
        summary.add(columns)
        busiest.add(columns)
    kept, facts, notes = busiest.found(), summary.facts(), findings.notes()
    trace = _trace(path.name, kept)
    if len(trace) == facts.requests:
        facts = exact(trace)
    else:
        notes += (_kept(kept, facts),)
    return LoadedTrace(trace if rate is None else _stretched(path, trace, rate), facts, notes)


def _drawn(path: Path, distribution: Distribution, requests: int, rate: float | None, seed: int) -> LoadedTrace:
    if rate is None:
        raise UsageError(f"{path} is a distribution, without times: it needs --rate")
    columns = np.concatenate(list(as_columns(drawn_blocks(distribution, requests, rate, seed))), axis=1)
    trace = _trace(path.name, columns)
    trace = trace.at_rate(rate) if len(trace) > 1 else trace
    note = f"{requests:,} requests drawn from a distribution, {OUTPUT_SHARE:.0%} of each as output, arriving at random"
    return LoadedTrace(trace, exact(trace), (note,))


def _trace(name: str, kept: Columns) -> Trace:
    return Trace(name, kept[0] - kept[0, 0], kept[1].astype(np.int64), kept[2].astype(np.int64))


def _stretched(path: Path, trace: Trace, rate: float) -> Trace:
    if not trace.duration_s:
        raise UsageError(f"{path}: all requests come at once, so that --rate cannot stretch their times")
    return trace.at_rate(rate)


def _kept(kept: Columns, facts: Facts) -> str:
    hours = (kept[0, 0] / 3600, kept[0, -1] / 3600)
    return (
        f"the busiest {kept.shape[1]:,} of {facts.requests:,} requests in a row, by tokens a second: from "
        f"{hours[0]:.2f} h to {hours[1]:.2f} h of {facts.duration_s / 3600:.2f} h"
    )
