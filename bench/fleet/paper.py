"""The published two-pool table (arXiv 2604.08075) beside what the simulator finds under the paper's assumptions.

    python -m bench.fleet.paper --azure TRACE.csv --lmsys CDF.json [--step-times authors,roofline,linear]

Llama-3-70B on A100s, 1,000 requests/s in Poisson arrivals, one pool of 64K x 16 sequences against 8K x 128 and 64K x 16
split at 8,192 tokens, shortest queue, P99 within 2 s to the first token and 80 ms a token. Step times are those of the
authors' simulator (vllm-sr-sim), where an instance counts as a GPU, or data sheets of 4 x A100. The Azure lengths come
from the trace, the LMSYS lengths from its distribution of totals, 15 % of each as output.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench.fleet import arguments
from bench.fleet.cache import Cache
from bench.fleet.engines import a100, authors
from bench.fleet.goodput import Bench
from bench.fleet.markdown import percent, seconds, table
from bench.fleet.published import DUAL, HOMOGENEOUS, RHO, Published, closed_form_gpus, implied_alpha, published_saving
from bench.fleet.reproduction import Reproduction
from tokenlane_cli.errors import UsageError
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.sim.slo import ClassLimits, Slo

SLO = Slo((ClassLimits("all", None, 2.0, 0.08),))
STEP_TIMES = ("authors", "roofline", "linear")
COLUMNS = (
    "fleet",
    "instances",
    "saving",
    "GPUs",
    "P99 TTFT",
    "P99 TPOT",
    "preempted / 1,000",
    "rejected",
    "success",
    "kept",
    "settings",
)

Rows = list[dict[str, Any]]


def _options() -> argparse.Namespace:
    parser = arguments.parser(__doc__, "azure", "lmsys")
    parser.add_argument("--step-times", default=",".join(STEP_TIMES))
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", type=Path, help="results, read and written")
    return parser.parse_args()


def _computed(bench: Bench, name: str, path: Path, options: argparse.Namespace) -> dict[str, Any]:
    of = Reproduction(bench, name, path, options.requests, options.seed)
    parts = {"published": of.published_sizes(), "least": of.least_sizes(), "tuned": of.tuned()}
    return {"alpha": of.alpha(), **{part: [asdict(row) for row in rows] for part, rows in parts.items()}}


def _hardware(step_times: str) -> Hardware:
    if step_times not in STEP_TIMES:
        raise UsageError(f"unknown step times {step_times}; there are: {', '.join(STEP_TIMES)}")
    return authors() if step_times == "authors" else a100(linear=step_times == "linear")


def _published_row(name: str, of: Published, saving: str) -> list[str]:
    def text(value: float | None, shown: str) -> str:
        return "-" if value is None else shown.format(value)

    return [
        name,
        str(of.gpus),
        saving,
        str(of.gpus),
        text(of.ttft_p99_s, "{:.2f} s"),
        "-",
        text(of.preemptions_per_1000, "{:.1f}"),
        text(of.rejected, "{:.2%}"),
        "-" if of.rejected is None else f"{1 - of.rejected:.2%}",
        "",
        "",
    ]


def _row(row: dict[str, Any], base: int, gpus: int) -> list[str]:
    total = sum(row["replicas"])
    return [
        row["name"],
        f"{total}" + (f" ({' + '.join(str(n) for n in row['replicas'])})" if len(row["replicas"]) > 1 else ""),
        percent(total / base - 1) if total != base else "",
        str(total * gpus),
        seconds(row["ttft_p99_s"]),
        seconds(row["tpot_p99_s"]),
        f"{row['preemptions_per_1000']:.1f}",
        f"{row['rejected']:.2%}",
        f"{1 - row['rejected']:.2%}",
        "yes" if row["kept"] else "no",
        row["settings"],
    ]


def _print(name: str, hardware: Hardware, found: dict[str, Any]) -> None:
    rows = [
        _published_row("published: one pool", HOMOGENEOUS[name], ""),
        _published_row("published: two pools", DUAL[name], percent(-published_saving(name))),
    ]
    for part in ("published", "least", "tuned"):
        base = sum(found["least" if part == "tuned" else part][0]["replicas"])
        rows += [_row(row, base, hardware.tensor_parallel) for row in found[part]]
    table(f"{name}, {hardware.step_time}", COLUMNS, rows)


def _print_closed_form(alphas: dict[str, float]) -> None:
    rows = [
        [
            name,
            str(HOMOGENEOUS[name].gpus),
            str(closed_form_gpus(0.0)),
            str(DUAL[name].gpus),
            f"{implied_alpha(name):.3f}",
            str(closed_form_gpus(implied_alpha(name))),
            f"{alpha:.4f}",
            str(closed_form_gpus(alpha)),
            percent(-alpha * (1 - 1 / RHO)),
        ]
        for name, alpha in alphas.items()
    ]
    columns = (
        "trace",
        "one pool, published",
        "1,000 / 2.8, rounded up",
        "two pools, published",
        "alpha it implies",
        "two pools at that alpha",
        "alpha of the lengths",
        "two pools at this alpha",
        "saving alpha (1 - 1/4)",
    )
    table("The paper's closed form with its own 2.8 and 11.2 requests/s an instance", columns, rows)


def main() -> None:
    """Command line."""
    options = _options()
    paths = {"Azure": options.azure, "LMSYS": options.lmsys}
    cache, found = Cache(options.resume), {}
    with ThreadPoolExecutor(options.threads) as executor:
        for step_times in options.step_times.split(","):
            hardware = _hardware(step_times)
            for name, path in paths.items():
                key = f"{step_times} {name}"
                bench = Bench(hardware, SLO, executor, Effort())
                arguments.progress(key)
                found[key] = cache.get(key, partial(_computed, bench, name, path, options))
                _print(name, hardware, found[key])
    _print_closed_form({name: found[f"{step_times} {name}"]["alpha"] for name in paths})
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    arguments.run(main)
