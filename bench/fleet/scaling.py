"""What following the load saves and costs: the product's autoscaler against a fleet of fixed size, by cold start.

The trace's requests come in waves (`--swing` times as many at the crest as in the trough), through one pool of
Llama-3-70B on 4 x H100 whose workers pull. The autoscaler is the service's own policy with its default settings; the
fleet is simulated (step times from data sheets).
"""

import json
from dataclasses import dataclass, field, replace

import numpy as np

from bench.fleet.arguments import existing, parser, progress, run
from bench.fleet.engines import h100
from bench.fleet.markdown import percent, seconds, table
from tokenlane_autoscaler.policy import LaneState, Lower, PolicySettings, decide
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_autoscaler.throughput import Sample, Throughput
from tokenlane_cli.traces.load import load
from tokenlane_fleet.sim.elastic import Observation, PoolView, Scaling, simulate_elastic
from tokenlane_fleet.sim.fleet import Fleet, Pool, Pull
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.slo import Slo, attainments, class_of, meets, ttft_limit_s, two_classes
from tokenlane_fleet.sim.trace import Trace

COLD_STARTS_S = (0, 30, 60, 120, 300)


@dataclass(slots=True)
class ProductAutoscaler:
    """The service's decisions for one pool, from what the simulation shows it."""

    settings: AutoscalerSettings
    kv_tokens: int
    max_num_seqs: int
    throughput: Throughput = field(init=False)
    lower: Lower | None = None

    def __post_init__(self) -> None:
        self.throughput = Throughput(self.settings.replica_tokens_per_s)

    def __call__(self, seen: Observation) -> tuple[int, ...]:
        (pool,) = seen.pools
        replicas = pool.replicas + pool.starting
        sample = Sample(seen.now_s, pool.finished_tokens, pool.finished_tokens, pool.waiting_tokens > 0, replicas)
        self.throughput = self.throughput.sampled(sample, self.settings.window_s, self.settings.cooldown_s)
        decision = decide(self._state(pool, replicas), self._policy(), seen.now_s)
        self.lower = decision.lower
        return (decision.replicas,)

    def _state(self, pool: PoolView, replicas: int) -> LaneState:
        return LaneState(
            replicas=replicas,
            waiting_tokens=pool.waiting_tokens,
            running_tokens=pool.running_tokens,
            running_replicas=max(pool.running_tokens / self.kv_tokens, pool.running_requests / self.max_num_seqs),
            load_tokens_per_s=self.throughput.load_tokens_per_s,
            replica_tokens_per_s=self.throughput.replica_tokens_per_s,
            lower=self.lower,
        )

    def _policy(self) -> PolicySettings:
        given = self.settings
        return PolicySettings(
            given.target_drain_s, given.min_replicas, given.max_replicas, given.cooldown_s, given.scale_up_factor
        )


def in_waves(trace: Trace, rate: float, swing: float, waves: int) -> Trace:
    """The same requests at `rate` on average, `swing` times denser at each crest than in the trough."""
    depth = (swing - 1) / (swing + 1)
    moments = np.linspace(0, 1, 10_001)
    passed = moments - depth * np.sin(2 * np.pi * waves * moments) / (2 * np.pi * waves)
    spread = trace.at_rate(rate)
    share = spread.arrival_s / spread.arrival_s[-1]
    return replace(spread, arrival_s=np.interp(share, passed, moments) * spread.arrival_s[-1])


def fleet_of(replicas: int, max_num_seqs: int) -> Fleet:
    engine = h100()
    limits = engine.limits(16_384, max_num_seqs, 1024)
    return Fleet((Pool("one", limits, engine.cost, replicas),), Pull(), transit_s=0.002)


def fewest(trace: Trace, slo: Slo, max_num_seqs: int, most: int) -> int:
    """Replicas that keep the objectives all the time; there are enough of them with `most`."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if meets(simulate(trace, fleet_of(middle, max_num_seqs)), slo):
            high = middle
        else:
            low = middle + 1
    return low


def row(name: str, result: Result, slo: Slo, fixed_s: float) -> list[str]:
    kept = attainments(result, slo)
    held = sum(pool.replica_s for pool in result.pools)
    short = class_of(result.trace, slo) == 0
    p99 = float(np.nanquantile(result.ttft_s[short], 0.99))
    hours = 4 * held / 3600
    return [name, f"{hours:.1f}", percent(held / fixed_s - 1), f"{kept[0]:.2%}", f"{kept[1]:.2%}", seconds(p99)]


def main() -> None:
    made = parser(__doc__)
    made.add_argument("trace", type=existing, help="the trace that gives the lengths")
    made.add_argument("--rate", type=float, default=40.0, help="requests a second, on average")
    made.add_argument("--swing", type=float, default=4.0, help="crest over trough")
    made.add_argument("--waves", type=int, default=1)
    made.add_argument("--repeat", type=int, default=8, help="how often the trace's requests are drawn again")
    made.add_argument("--target-drain", type=float, default=30.0, help="TOKENLANE_TARGET_DRAIN_S")
    made.add_argument("--max-num-seqs", type=int, default=128, help="sequences that a worker holds")
    given = made.parse_args()
    max_num_seqs, slo = given.max_num_seqs, two_classes()
    settings = AutoscalerSettings(max_replicas=64, target_drain_s=given.target_drain)
    once = load(given.trace, limit=None, rate=None, seed=given.seed).trace
    drawn = np.random.default_rng(given.seed).permutation(np.tile(np.arange(len(once)), given.repeat))
    many = Trace(
        once.name,
        np.sort(np.tile(once.arrival_s, given.repeat)),
        once.prompt_tokens[drawn],
        once.output_tokens[drawn],
    )
    trace = in_waves(many, given.rate, given.swing, given.waves)
    progress(f"{len(trace)} requests in {trace.duration_s / 60:.0f} minutes")
    replicas = fewest(trace, slo, max_num_seqs, settings.max_replicas)
    fixed = simulate(trace, fleet_of(replicas, max_num_seqs))
    fixed_s = fixed.pools[0].replica_s
    rows = [row(f"{replicas} replicas, fixed", fixed, slo, fixed_s)]
    for cold_start_s in COLD_STARTS_S:
        start = fleet_of(max(1, replicas // 2), max_num_seqs)
        controller = ProductAutoscaler(settings, start.pools[0].limits.kv_capacity_tokens, max_num_seqs)
        scaling = Scaling(settings.interval_s, cold_start_s, (settings.max_replicas,))
        ran = simulate_elastic(trace, start, controller, scaling, ttft_limit_s=ttft_limit_s(trace, slo)).result
        rows.append(row(f"autoscaler, {cold_start_s} s to start", ran, slo, fixed_s))
    columns = ("", "GPU-hours", "saved", "short kept", "long kept", "short TTFT P99")
    table(f"{given.rate:g} requests/s on average, crest {given.swing:g} x trough", columns, rows)
    if given.json:
        given.json.write_text(json.dumps({"columns": columns, "rows": rows}, indent=1))


if __name__ == "__main__":
    run(main)
