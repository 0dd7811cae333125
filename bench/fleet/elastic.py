"""What it brings that idle workers help the other lane, in the order that tokenlane's workers keep: by arrival, by KV
credit, each request bound to a worker as soon as one has room; and that a worker pulls nothing while its engine has
more than some steps' work of prompts before it.

Two lanes of Llama-3-70B on 4 x H100 with steps of 1,024 tokens, the same fleet with strict and with elastic workers,
with and without that cap, at rising loads. The fleet is simulated (step times from data sheets); lengths are known. The
simulation's helpers ask the moment their own lane is empty; the workers' wait 20 ms and leave an eighth of their room
free.
"""

import json
from dataclasses import replace

import numpy as np

from bench.fleet.arguments import existing, parser, progress, run
from bench.fleet.engines import h100
from bench.fleet.markdown import seconds, table
from tokenlane_cli.traces.load import load
from tokenlane_fleet.sim.fleet import Fleet, Pool, Pull, Steal
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.slo import attainments, class_of, two_classes
from tokenlane_fleet.sim.trace import Trace

COLUMNS = ("load", "workers", "short kept", "long kept", "short TTFT P50", "short TTFT P99", "long TTFT P99")
SLO = two_classes()


STEP_TOKENS = 1024


def fleet_of(short: int, long: int, boundary: int, dispatch: Pull) -> Fleet:
    engine = h100()
    limits = engine.limits(16_384, 128, STEP_TOKENS)
    pools = (Pool("short", limits, engine.cost, short, boundary), Pool("long", limits, engine.cost, long))
    return Fleet(pools, dispatch, transit_s=0.002)


def bursts(trace: Trace, swing: float, period_s: float) -> Trace:
    """The same requests, squeezed into the first part of each period: `swing` times denser than on average."""
    whole, part = np.divmod(trace.arrival_s, period_s)
    return replace(trace, arrival_s=np.sort(whole * period_s + part / swing))


def row(load_: str, lanes: str, result: Result) -> list[str]:
    kept = attainments(result, SLO)
    short = class_of(result.trace, SLO) == 0
    of_short, of_long = result.ttft_s[short], result.ttft_s[~short]
    quantiles = (np.nanquantile(of_short, 0.5), np.nanquantile(of_short, 0.99), np.nanquantile(of_long, 0.99))
    return [load_, lanes, *(f"{share:.1%}" for share in kept), *(seconds(float(each)) for each in quantiles)]


def main() -> None:
    made = parser(__doc__)
    made.add_argument("trace", type=existing, help="lengths and arrival times")
    made.add_argument("--rates", default="16,24,28,32", help="requests a second")
    made.add_argument("--replicas", default="4,4", help="short, long")
    made.add_argument("--boundary", type=int, default=2048)
    made.add_argument("--steps", default="2,4", help="cap on prompts that are not computed, in steps' tokens")
    made.add_argument("--swing", type=float, default=1.0, help="bursts: arrivals are so many times denser, then pause")
    made.add_argument("--period", type=float, default=30.0, help="of the bursts, in seconds")
    given = made.parse_args()
    short, long = map(int, given.replicas.split(","))
    rows = []
    for rate in map(float, given.rates.split(",")):
        trace = bursts(load(given.trace, limit=None, rate=rate, seed=given.seed).trace, given.swing, given.period)
        progress(f"{len(trace)} requests at {rate:g}/s")
        for steps in (0, *map(int, given.steps.split(","))):
            for lanes, steal in (("strict", Steal.NEVER), ("elastic", Steal.WHEN_IDLE)):
                dispatch = Pull(steal=steal, prefill_cap=steps * STEP_TOKENS)
                result = simulate(trace, fleet_of(short, long, given.boundary, dispatch))
                rows.append(row(f"{rate:g}/s", f"{lanes}, {f'{steps} steps' if steps else 'no cap'}", result))
    table(f"{short} short and {long} long replicas, boundary {given.boundary}", COLUMNS, rows)
    if given.json:
        given.json.write_text(json.dumps({"columns": COLUMNS, "rows": rows}, indent=1))


if __name__ == "__main__":
    run(main)
