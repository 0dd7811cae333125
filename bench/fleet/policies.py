"""Policies at equal tuning: goodput, GPUs at equal objectives, latency by class, preemptions, for six kinds of traffic.

    python -m bench.fleet.policies --azure TRACE.csv --lmsys CDF.json --agents CDF.json [--step-times linear]
        [--kinds chat,mix] [--replicas 8] [--resume FILE]

Llama-3-70B on 4 x H100, step times from data sheets (assumed, not measured on a GPU). Goodput: the highest load at
which 99 % of the requests of each class (up to 4,096 tokens in all, and longer) keep time to first token (1 s; long:
max(5 s, 1 s + prompt / 4000)) and 80 ms a token. Every policy but the published ones and vLLM's defaults is tuned with
the same effort on one draw of the traffic; figures are of other draws. With --resume a study that was stopped goes on.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.fleet import arguments
from bench.fleet.cache import Cache
from bench.fleet.contenders import CONTENDERS, Contender
from bench.fleet.engines import h100
from bench.fleet.goodput import Bench
from bench.fleet.markdown import seconds, table
from bench.fleet.settings_words import described
from bench.fleet.study import Figures, Scale, Study
from bench.fleet.workloads import KINDS, Kind, Sources
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.sim.slo import two_classes


def _options() -> argparse.Namespace:
    parser = arguments.parser(__doc__, "azure", "lmsys", "agents")
    parser.add_argument("--step-times", choices=("roofline", "linear"), default="roofline")
    parser.add_argument("--kinds", default=",".join(kind.key for kind in KINDS))
    parser.add_argument("--policies", default=",".join(of.key for of in CONTENDERS))
    parser.add_argument("--replicas", type=int, default=8, help="for goodput and latencies")
    parser.add_argument("--rate", type=float, default=40, help="requests a second for which fleets are sized")
    parser.add_argument("--most", type=int, default=400, help="replicas at most when sizing")
    parser.add_argument("--requests", type=int, default=19_366, help="of each kind of traffic")
    parser.add_argument("--draws", type=int, default=3, help="of traffic, over which goodput is averaged")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", type=Path, help="results by policy and traffic, read and written")
    return parser.parse_args()


def _print(kinds: list[Kind], contenders: list[Contender], all_of: dict[str, dict[str, Figures]], gpus: int) -> None:
    titles = [kind.title for kind in kinds]

    def rows(cell: Any) -> list[list[str]]:
        return [[of.title, *(cell(all_of[kind.key], of.key, kind) for kind in kinds)] for of in contenders]

    def goodput(of: dict[str, Figures], key: str, _: Kind) -> str:
        base = of.get("one-push", {}).get("goodput", 0.0)
        value = of[key]["goodput"]
        return f"{value:.3g}" + (f" ({value / base:.2f}x)" if base else "") if value else "none"

    def per_gpu(of: dict[str, Figures], key: str, _: Kind) -> str:
        return f"{of[key]['goodput'] / gpus:.3g}" if of[key]["goodput"] else "none"

    def sized(of: dict[str, Figures], key: str, _: Kind) -> str:
        found = of[key].get("replicas")
        return f"{sum(found) * gpus} ({' + '.join(str(n) for n in found)})" if found else "none"

    def two(metric: str) -> Any:
        def cell(of: dict[str, Figures], key: str, _: Kind) -> str:
            values = [of[key].get(f"{name}_{metric}") for name in ("short", "long")]
            return " / ".join("-" if value is None else seconds(value) for value in values)

        return cell

    def preempted(of: dict[str, Figures], key: str, _: Kind) -> str:
        value = of[key].get("preemptions_per_1000")
        return "-" if value is None else f"{value:.1f}"

    common = [f"{kind.title}, {kind.common:g}/s a replica" for kind in kinds]
    table("Goodput: requests/s a replica (against tuned push)", ["policy", *titles], rows(goodput))
    table("Goodput a GPU: requests/s", ["policy", *titles], rows(per_gpu))
    table("GPUs at equal objectives (replicas)", ["policy", *titles], rows(sized))
    table("P99 time to first token at a common load, short / long", ["policy", *common], rows(two("ttft_p99_s")))
    table("P99 time per output token at a common load, short / long", ["policy", *common], rows(two("tpot_p99_s")))
    table("Preemptions per 1,000 requests at a common load", ["policy", *common], rows(preempted))
    table("Settings found", ["policy", *titles], rows(lambda of, key, _: described(of[key]["candidate"])))


def main() -> None:
    """Command line."""
    options = _options()
    kinds = [kind for kind in KINDS if kind.key in options.kinds.split(",")]
    contenders = [of for of in CONTENDERS if of.key in options.policies.split(",")]
    hardware = h100(linear=options.step_times == "linear")
    sources = Sources(options.azure, options.lmsys, options.agents, options.requests, options.seed)
    with ThreadPoolExecutor(options.threads) as executor:
        bench = Bench(hardware, two_classes(), executor, Effort(sweeps=1))
        scale = Scale(options.replicas, options.rate, options.most, options.draws)
        study = Study(bench, sources, Cache(options.resume), options.step_times, scale)
        found = {kind.key: {of.key: study.figures(kind, of) for of in contenders} for kind in kinds}
    print(f"Step times: {hardware.step_time}; {asdict(hardware.cost)}\n")
    _print(kinds, contenders, found, hardware.tensor_parallel)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    arguments.run(main)
