"""A boundary that follows the traffic against every fixed one, chosen in hindsight.

    python -m bench.fleet.boundary [--azure TRACE.csv] [--kinds poisson,bursty,long-tailed] [--fleets 4+4,6+2,2+6]

Traffic changes from chat to alike requests to many long ones and back, in phases of `--phase-s`. Two lanes of
Llama-3-70B on 4 x H100, step times from data sheets (assumed, not measured on a GPU), all simulated. The boundary is
moved by the autoscaler's own code with its default settings, from what has finished, every 5 s, from 8,192 on.
Fixed lanes: a worker takes its own lane's requests. Elastic: while a worker has room and nothing waits in its own lane,
it takes the other's. The figure is the P99 of the time to first token of requests of up to 4,096 tokens in all, next to
that of the fixed boundary which is best for all of the time, and of the one which is best for the phase.
"""

import argparse
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.fleet.arguments import existing, run
from bench.fleet.boundary_follow import ProductBoundary
from bench.fleet.boundary_traffic import PHASES, Changing, changing
from bench.fleet.engines import h100
from bench.fleet.markdown import seconds, table
from tokenlane_cli.traces.load import load
from tokenlane_fleet.boundary import BoundarySettings
from tokenlane_fleet.sim.fleet import Fleet, Pool, Pull, Steal
from tokenlane_fleet.sim.moving import simulate_moving
from tokenlane_fleet.sim.run import simulate

FIXED = (1_024, 1_448, 2_048, 2_896, 4_096, 5_792, 8_192, 16_384, 32_768)
START = 8_192
SHORT = 4_096
LOOK_S = 5.0
# Workers pull nothing while more than four steps' work of prompts is in their engine.
PREFILL_CAP = 4_096
DISPATCH = {
    "fixed": Pull(prefill_cap=PREFILL_CAP),
    "elastic": Pull(prefill_cap=PREFILL_CAP, steal=Steal.WHEN_IDLE),
}
KINDS: dict[str, dict[str, Any]] = {
    "poisson": {},
    "bursty": {"arrival_cv": 3.0},
    "long-tailed": {"long_tailed": True},
}


@dataclass(frozen=True, slots=True)
class Row:
    """A fleet under a kind of traffic. P99 in seconds: ours and that of the best fixed boundary, first over all of the
    time and then by phase; `single_s`: by phase, of the boundary that is best over all. `gaps_s` between changes."""

    kind: str
    fleet: str
    lanes: str
    ours_s: tuple[float, ...]
    best_s: tuple[float, ...]
    single_s: tuple[float, ...]
    best: tuple[int, ...]
    changes: tuple[tuple[float, str, str], ...]
    shortest_gap_s: float | None

    @property
    def worst(self) -> float:
        """Ours over the best fixed boundary of all of the time: the largest, over all and by phase."""
        return max(ours / best for ours, best in zip(self.ours_s, self.single_s, strict=True))

    @property
    def worst_phase(self) -> float:
        """The same over the best fixed boundary of each phase."""
        return max(ours / best for ours, best in zip(self.ours_s, self.best_s, strict=True))


def fleet_of(replicas: tuple[int, int], boundary: int, lanes: str) -> Fleet:
    """Two lanes with engines tuned for each and contexts of 128K."""
    hardware = h100()
    short = replace(hardware.limits(hardware.max_model_len, 128, 1_024), long_prefill_token_threshold=512)
    long = replace(hardware.limits(hardware.max_model_len, 64, 2_048), long_prefill_token_threshold=1_024)
    pools = (
        Pool("short", short, hardware.cost, replicas[0], boundary),
        Pool("long", long, hardware.cost, replicas[1]),
    )
    return Fleet(pools, DISPATCH[lanes])


def engine_speed() -> float:
    """Tokens a second of a full step of the short lane's engine: what the speed of prefills would show."""
    cost = h100().cost
    return 1_024 / (cost.overhead_s + 1_024 * cost.per_token_s)


def compare(
    kind: str, traffic: Changing, replicas: tuple[int, int], lanes: str, settings: BoundarySettings | None = None
) -> Row:
    """Ours against every fixed boundary."""
    trace = traffic.trace
    short = trace.total_tokens <= SHORT
    masks = [short] + [short & (traffic.phase == number) for number in range(int(traffic.phase.max()) + 1)]
    fixed = {boundary: _p99s(simulate(trace, fleet_of(replicas, boundary, lanes)).ttft_s, masks) for boundary in FIXED}
    fleet = fleet_of(replicas, START, lanes)
    mover = ProductBoundary(trace, fleet, settings or BoundarySettings(), engine_speed())
    ours = _p99s(simulate_moving(trace, fleet, mover, LOOK_S).result.ttft_s, masks)
    best = [min(FIXED, key=lambda boundary: fixed[boundary][place]) for place in range(len(masks))]
    at = [change.at_s for change in mover.changes]
    return Row(
        kind=kind,
        fleet="+".join(str(count) for count in replicas),
        lanes=lanes,
        ours_s=ours,
        best_s=tuple(fixed[boundary][place] for place, boundary in enumerate(best)),
        single_s=fixed[best[0]],
        best=tuple(best),
        changes=tuple(
            (
                change.at_s,
                ",".join(lane.lane if lane.upper is None else f"{lane.lane}:{lane.upper}" for lane in change.uppers),
                change.reason,
            )
            for change in mover.changes
        ),
        shortest_gap_s=min(np.diff(at).tolist(), default=None),
    )


def _p99s(ttft_s: NDArray[np.float64], masks: list[NDArray[np.bool_]]) -> tuple[float, ...]:
    return tuple(float(np.percentile(ttft_s[mask], 99)) for mask in masks)


def show(rows: list[Row]) -> None:
    """As tables."""
    names = ["all of the time", *PHASES]
    columns = ["traffic, replicas, lanes", *names, "against one", "against each phase's", "changes"]
    cells = []
    for row in rows:
        parts = zip(row.ours_s, row.single_s, row.best_s, strict=True)
        texts = [f"{seconds(ours)} / {seconds(single)} / {seconds(best)}" for ours, single, best in parts]
        title = f"{row.kind}, {row.fleet}, {row.lanes}"
        cells.append([title, *texts, f"{row.worst:.2f}x", f"{row.worst_phase:.2f}x", str(len(row.changes))])
    table("P99 to a short request's first token: following / best fixed / best fixed of the phase", columns, cells)
    for row in rows:
        print(f"\n{row.kind}, {row.fleet}, {row.lanes}")
        for at_s, uppers, reason in row.changes:
            print(f"  {at_s:6.0f} s  {uppers}: {reason}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--azure", type=existing, metavar="FILE", help="lengths of chats, instead of log-normals")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--fleets", default="4+4,6+2,2+6")
    parser.add_argument("--lanes", default=",".join(DISPATCH))
    parser.add_argument("--phase-s", type=float, default=900.0)
    parser.add_argument("--json", type=argparse.FileType("w"))
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = _options()
    chat = load(options.azure).trace if options.azure else None
    rows = []
    for text in options.fleets.split(","):
        first, second = (int(part) for part in text.split("+"))
        for kind in options.kinds.split(","):
            rng = np.random.default_rng(options.seed)
            traffic = changing(first + second, options.phase_s, rng, chat, **KINDS[kind])
            rows += [compare(kind, traffic, (first, second), lanes) for lanes in options.lanes.split(",")]
    show(rows)
    if options.json:
        json.dump([asdict(row) for row in rows], options.json, indent=2)


if __name__ == "__main__":
    run(main)
