"""Command line: computes what was asked for and prints it as Markdown, with every bar kept or missed."""

import argparse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.fleet import arguments
from bench.fleet.cache import Cache
from bench.fleet.contenders import named
from bench.fleet.engines import h100
from bench.fleet.goodput import Bench
from bench.fleet.markdown import seconds, table
from bench.fleet.settings_words import described, written
from bench.fleet.study import Scale
from bench.fleet.workloads import Sources
from bench.goodput import bars
from bench.goodput.bars import Bar
from bench.goodput.figures import KINDS, LIMITS_POLICIES, POLICIES, Figures
from bench.goodput.other_engines import PAIRS
from bench.goodput.variants import VARIANTS
from bench.goodput.worker_rules import CAP_STEPS, MEMORIES, OVERCOMMITS
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.sim.slo import two_classes


def _table(figures: Figures) -> list[Bar]:
    found = {kind.key: {key: figures.best(kind, key)[1] for key in POLICIES} for kind in KINDS}
    titles = [kind.title for kind in KINDS]
    rows = [[named(key).title, *(_against(found[kind.key], key) for kind in KINDS)] for key in POLICIES]
    table("Goodput, requests/s a replica (against the tuned push)", ["policy", *titles], rows)
    settings = [
        [named(key).title, *(described(written(figures.best(kind, key)[0])) for kind in KINDS)] for key in POLICIES
    ]
    table("Settings found", ["policy", *titles], settings)
    return bars.of_goodput(found)


def _limits(figures: Figures) -> list[Bar]:
    found = {key: figures.best_by_class(key)[1] for key in LIMITS_POLICIES}
    rows = [
        [named(key).title, _against(found, key), described(written(figures.best_by_class(key)[0]))]
        for key in LIMITS_POLICIES
    ]
    title = "Mix, 40 ms a token for short requests and 150 ms for long ones"
    table(title, ["policy", "requests/s a replica", "settings"], rows)
    return [bars.of_limits(found)]


def _against(found: bars.Rates, key: str) -> str:
    base, value = found["one-push"], found[key]
    return f"{value:.3g} ({value / base:.2f}x)" if value and base else f"{value:.3g}" if value else "none"


def _overload(figures: Figures) -> list[Bar]:
    found = figures.overload()
    rows = [
        [
            named(key).title,
            str(draw),
            seconds(of["short_p99_s"]),
            seconds(of["short_longest_s"]),
            seconds(of["long_longest_s"]),
            *(f"{share:.1%}" for share in of["kept"]),
        ]
        for key, draws in found.items()
        for draw, of in enumerate(draws, start=1)
    ]
    columns = ("policy", "draw", "short TTFT P99", "short longest", "long longest", "short kept", "long kept")
    table("Mix at 1.25 times what the tuned pool keeps", columns, rows)

    def worst(name: str) -> float:
        pairs = zip(found["by-turns"], found["one-push"], strict=True)
        return max(bars.ratio(ours[name], theirs[name]) for ours, theirs in pairs)

    return bars.of_overload(worst("short_p99_s"), worst("long_longest_s"))


def _rule(figures: Figures) -> list[Bar]:
    pool = {kind.key: figures.best(kind, "one-push")[1] for kind in KINDS}
    rows = []
    for variant in VARIANTS:
        found = figures.variant(variant)
        kept = [f"{found[kind.key]:.3g} ({bars.ratio(found[kind.key], pool[kind.key]):.2f}x)" for kind in KINDS]
        rows.append([variant.title, *kept, f"{found['short']:.2f}x", f"{found['long']:.2f}x"])
    columns = ("rule", *(kind.title for kind in KINDS), "overload: short P99", "overload: longest long")
    table(
        "The rule with one part changed: goodput (against the tuned push), overload over the tuned push's",
        columns,
        rows,
    )
    return []


def _credit(figures: Figures) -> list[Bar]:
    cases = [(part, known) for part in MEMORIES for known in (True, False)]
    words = [f"{part:.0%} of KV, {'lengths known' if known else 'declared bounds'}" for part, known in cases]
    rows = [
        [f"{factor:g}", *("{:.3g} ({:.1f})".format(*figures.overcommit(*case, factor)) for case in cases)]
        for factor in OVERCOMMITS
    ]
    table("Over-commitment, mix: requests/s a replica (preemptions per 1,000)", ["over-commitment", *words], rows)
    return []


def _cap(figures: Figures) -> list[Bar]:
    rows = [
        ["none" if not steps else f"{steps}", *(f"{figures.cap(kind, steps)[0]:.3g}" for kind in KINDS)]
        for steps in CAP_STEPS
    ]
    table("Cap on prompts in flight, in steps: requests/s a replica", ["cap", *(kind.title for kind in KINDS)], rows)
    return []


def _engines(figures: Figures) -> list[Bar]:
    rows = []
    for model, gpu, gpus in PAIRS:
        found = figures.engines(model, gpu, gpus)
        base = found["pool"][1]
        for key, name in _ENGINES:
            candidate, kept = found[key]
            factor = f"{kept / base:.2f}x" if base else "-"
            rows.append([f"{model}, {gpus} x {gpu}: {name}", f"{kept:.3g}", factor, described(written(candidate))])
    table("Engine settings, mix", ["engines", "requests/s a replica", "against defaults", "settings"], rows)
    return []


_ENGINES = (
    ("pool", "vLLM's defaults, shortest queue"),
    ("defaults", "vLLM's defaults, by turns"),
    ("tuned", "tuned, by turns"),
)
PARTS: dict[str, Callable[[Figures], list[Bar]]] = {
    "table": _table,
    "limits": _limits,
    "overload": _overload,
    "rule": _rule,
    "credit": _credit,
    "cap": _cap,
    "engines": _engines,
}


def _parts(text: str) -> list[str]:
    unknown = [part for part in text.split(",") if part not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    return text.split(",")


def _options() -> argparse.Namespace:
    parser = arguments.parser(__doc__, "azure")
    parser.add_argument("--parts", type=_parts, default=",".join(PARTS), help="by commas")
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--requests", type=int, default=19_366, help="of each kind of traffic")
    parser.add_argument("--draws", type=int, default=3, help="of traffic, over which goodput is averaged")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", type=Path, help="results, read and written")
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = _options()
    sources = Sources(options.azure, None, None, options.requests, options.seed)
    found: list[Bar] = []
    with ThreadPoolExecutor(options.threads) as executor:
        bench = Bench(h100(), two_classes(), executor, Effort(sweeps=1))
        figures = Figures(bench, sources, Cache(options.resume), Scale(options.replicas, 40, 400, options.draws))
        for part in options.parts:
            found += PARTS[part](figures)
    table("Bars", ["what", "found", "bar", "verdict"], [bar.row() for bar in found])


if __name__ == "__main__":
    arguments.run(main)
