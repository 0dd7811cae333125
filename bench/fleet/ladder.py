"""From vLLM's defaults to elastic lanes, one change after the other: what each of them brings.

    python -m bench.fleet.ladder --azure TRACE.csv --lmsys CDF.json --agents CDF.json [--kinds mix,chat]
        [--step-times linear]

Each rung keeps what the one before found, and searches its own setting over a ladder of values on one draw of the
traffic; goodput (see bench.fleet.policies) is of other draws. `prefill known` in a router means that it sees each
engine's prompt tokens not yet computed at every moment, which no router outside the engine does.
"""

import argparse
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.fleet import arguments
from bench.fleet.cache import Cache
from bench.fleet.contenders import LANE_BOUNDARIES
from bench.fleet.engines import h100
from bench.fleet.goodput import Bench
from bench.fleet.markdown import table
from bench.fleet.settings_words import described, written
from bench.fleet.study import Scale, Study
from bench.fleet.workloads import KINDS, Kind, Sources
from tokenlane_fleet.plan.design import Candidate, Engine
from tokenlane_fleet.plan.moves import PREFILL_CAPS, SEQUENCES, startable
from tokenlane_fleet.plan.policies import DEADLINE, FIFO, LEAST_WORK, STEALING, lanes, stealing, vllm_defaults
from tokenlane_fleet.plan.race import race, slacks_of
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.plan.sizing import splits
from tokenlane_fleet.plan.workload import workload
from tokenlane_fleet.sim.fleet import Dispatch
from tokenlane_fleet.sim.slo import two_classes
from tokenlane_fleet.sim.trace import Trace

Rung = Callable[[Candidate], list[Candidate]]
STEP_BUDGETS = (512, 704, 832, 960, 1024, 2048, 4096, 8192)
CHUNKS = (0.0, 0.25, 0.5, 0.75)


def _engines(vary: Callable[[Engine], list[Engine]]) -> Rung:
    return lambda of: [of, *(of_engine(of, engine) for engine in vary(of.design.lanes[0].engine))]


def of_engine(of: Candidate, engine: Engine) -> Candidate:
    """The same with another engine in every lane."""
    design = of.design
    for index in range(len(design.lanes)):
        design = design.with_engine(index, engine)
    return replace(of, design=design)


def _chunks(engine: Engine) -> list[Engine]:
    return [
        replace(
            engine,
            max_num_batched_tokens=tokens,
            long_prefill_token_threshold=int(tokens * part),
            max_num_seqs=min(engine.max_num_seqs, tokens),
        )
        for tokens in STEP_BUDGETS
        for part in CHUNKS
    ]


def _sequences(engine: Engine) -> list[Engine]:
    return [replace(engine, max_num_seqs=count) for count in SEQUENCES if count <= engine.max_num_batched_tokens]


def _caps(engine: Engine) -> list[Engine]:
    return [replace(engine, prefill_cap=cap) for cap in PREFILL_CAPS]


def _dispatched(*rules: Dispatch) -> Rung:
    return lambda of: [replace(of, design=replace(of.design, dispatch=rule)) for rule in rules]


def _lanes(of: Candidate) -> list[Candidate]:
    """Split at any boundary, with any share of the replicas; the engines are the pool's."""
    engine, total = of.design.lanes[0].engine, sum(of.replicas)
    designs = [stealing(lanes((boundary,), (engine, engine), FIFO))[0] for boundary in LANE_BOUNDARIES]
    rules = [replace(design, dispatch=replace(STEALING, late_last=late)) for design in designs for late in LATE]
    shares = [split for part in range(1, total) for split in splits(total, (part, total - part), 0)]
    return [Candidate(design, split) for design in rules for split in dict.fromkeys(shares)]


LATE = (False, True)
WEIGHTS = (0.0, 1.0, 4.0, 16.0)
RUNGS: tuple[tuple[str, Rung], ...] = (
    ("vLLM defaults, shortest queue", lambda of: [of]),
    ("+ smaller steps and chunks", _engines(_chunks)),
    ("+ max_num_seqs", _engines(_sequences)),
    ("+ router chooses by work, prefill known", _dispatched(*(replace(LEAST_WORK, output_weight=w) for w in WEIGHTS))),
    ("central pull with a cap on prefill, FIFO", lambda of: _engines(_caps)(_dispatched(FIFO)(of)[0])),
    ("+ a worker binds at its step", _dispatched(replace(FIFO, bind=DEADLINE.bind))),
    ("+ deadline order", lambda of: _engines(_caps)(_dispatched(DEADLINE)(of)[0])),
    ("+ late ones step back", _dispatched(replace(DEADLINE, late_last=True))),
    ("+ elastic lanes", _lanes),
)


def climbed(study: Study, bench: Bench, kind: Kind, trace: Trace, replicas: int) -> list[list[str]]:
    """A row by rung."""
    slacks = slacks_of(bench.search(replicas).trials, workload(trace, bench.slo))
    leader = Candidate(vllm_defaults(bench.hardware), (replicas,))
    rows, first = [], 0.0
    for name, rung in RUNGS:
        arguments.progress(f"{kind.key}: {name}")
        tried = [of for of in rung(leader) if all(startable(lane.engine, bench.hardware) for lane in of.design.lanes)]
        found = race(slacks, tried)
        leader = tried[0] if found is None else found.candidate
        kept = study.goodput(kind, leader)
        first = first or kept
        rows.append([name, f"{kept:.3g}", f"{kept / first:.2f}x" if first else "-", described(written(leader))])
    return rows


def _options() -> argparse.Namespace:
    parser = arguments.parser(__doc__, "azure", "lmsys", "agents")
    parser.add_argument("--step-times", choices=("roofline", "linear"), default="roofline")
    parser.add_argument("--kinds", default="mix,chat")
    parser.add_argument("--replicas", type=int, default=8)
    parser.add_argument("--requests", type=int, default=19_366)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", type=Path, help="results, read and written")
    return parser.parse_args()


def main() -> None:
    """Command line."""
    options = _options()
    sources = Sources(options.azure, options.lmsys, options.agents, options.requests, options.seed)
    cache, found = Cache(options.resume), {}
    with ThreadPoolExecutor(options.threads) as executor:
        bench = Bench(h100(linear=options.step_times == "linear"), two_classes(), executor, Effort())
        scale = Scale(options.replicas, 40, 400, options.draws)
        study = Study(bench, sources, cache, options.step_times, scale)
        for kind in (kind for kind in KINDS if kind.key in options.kinds.split(",")):
            trace = sources.trace(kind, kind.per_replica * options.replicas)
            key = f"{options.step_times} {kind.key} ladder"
            found[key] = cache.get(key, partial(climbed, study, bench, kind, trace, options.replicas))
            columns = ("policy", "requests/s a replica", "against defaults", "settings")
            table(f"{kind.title}, {bench.hardware.step_time}", columns, found[key])
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    arguments.run(main)
