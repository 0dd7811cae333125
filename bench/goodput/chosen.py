"""Goodput of engine settings as workers choose them, against vLLM's, the lanes' own numbers and the best of a grid.

    python -m bench.goodput.chosen --azure TRACE.csv [--pairs llama-3-70b:h100:4,...]

All of it is simulated, step times from data sheets: the mix of chat and long documents, 8 replicas by turns, 4 + 4, a
cap of four steps, boundary 2,048. The grid's best are found on a draw that no figure is of.
"""

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from statistics import fmean

from bench.fleet import arguments
from bench.fleet.goodput import Bench
from bench.fleet.markdown import table
from bench.fleet.workloads import MIX, Sources
from bench.goodput.other_engines import CHUNKS, PAIRS, STEP_BUDGETS
from tokenlane_fleet.hardware.engine_settings import engine_settings
from tokenlane_fleet.hardware.hardware import Hardware, derive
from tokenlane_fleet.plan.design import Candidate, Engine
from tokenlane_fleet.plan.moves import startable
from tokenlane_fleet.plan.policies import BY_TURNS, lanes, vllm_defaults
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.sim.slo import two_classes
from tokenlane_worker.lane import Lane
from tokenlane_worker_long.lane import LANE as LONG
from tokenlane_worker_short.lane import LANE as SHORT

# The shares of the rule were chosen on draws 1 to 3 of the first three.
OTHER_PAIRS = (("llama-3-8b-fp8", "h100", 1), ("llama-3-70b", "b200", 2), ("qwen3-235b-a22b-2507-fp8", "h200", 4))
SEARCH_DRAW, DRAWS = 101, (4, 5, 6)
_SMALL_BUDGETS = (256, 384)
_FINALISTS = 3
_CAP_STEPS, _BOUNDARY = 4, 2048

Rate = Callable[[Candidate, Sequence[int]], float]
"""Requests/s of a replica, the mean of draws."""


def chosen(hardware: Hardware) -> Candidate:
    """As workers start them."""
    found = engine_settings(hardware)
    cut = found.long_prefill_token_threshold.value
    return _alike(_engine(hardware, found.max_num_seqs.value, found.max_num_batched_tokens.value, cut))


def of_lanes(hardware: Hardware, short: Lane, long: Lane) -> Candidate:
    """With the lanes' own numbers."""
    pair = tuple(_engine(hardware, lane.max_num_seqs, lane.max_num_batched_tokens, 0) for lane in (short, long))
    return Candidate(lanes((_BOUNDARY,), pair, BY_TURNS), (4, 4))


def of_vllm(hardware: Hardware) -> Candidate:
    """With vLLM's defaults."""
    plain = vllm_defaults(hardware).lanes[0].engine
    return _alike(replace(plain, prefill_cap=_CAP_STEPS * plain.max_num_batched_tokens))


def grid(hardware: Hardware) -> list[Candidate]:
    """Step budgets and parts of them, the same engine in both lanes."""
    steps = [(tokens, int(tokens * part)) for tokens in (*_SMALL_BUDGETS, *STEP_BUDGETS) for part in CHUNKS]
    engines = [_engine(hardware, 256, tokens, cut) for tokens, cut in steps]
    return [_alike(engine) for engine in engines if startable(engine, hardware)]


def best(candidates: Sequence[Candidate], rate: Rate) -> tuple[Candidate, float]:
    """Of those that keep most on one draw the one that keeps most on those that are reported."""
    order = sorted(candidates, key=lambda of: -rate(of, (SEARCH_DRAW,)))
    return max(((of, rate(of, DRAWS)) for of in order[:_FINALISTS]), key=lambda pair: pair[1])


def row(pair: tuple[str, str, int], rate: Rate) -> list[str]:
    """A pair's goodputs, and those of what is chosen against each."""
    hardware = derive(*pair)
    own, kept = chosen(hardware), {}
    kept["chosen"] = rate(own, DRAWS)
    kept["vllm"] = rate(of_vllm(hardware), DRAWS)
    kept["lanes"] = rate(of_lanes(hardware, SHORT, LONG), DRAWS)
    found, kept["grid"] = best(grid(hardware), rate)
    against = [f"{kept[key]:.3g} ({_ratio(kept['chosen'], kept[key])})" for key in ("vllm", "lanes", "grid")]
    return [f"{pair[0]}, {pair[2]} x {pair[1]}", _words(own), f"{kept['chosen']:.3g}", *against, _words(found)]


def _rate(bench: Bench, sources: Sources) -> Rate:
    def of(candidate: Candidate, draws: Sequence[int]) -> float:
        replicas = sum(candidate.replicas)
        traces = [sources.trace(MIX, MIX.per_replica * replicas, draw) for draw in draws]
        return fmean(bench.highest_rate(trace, candidate) for trace in traces) / replicas

    return of


def _engine(hardware: Hardware, seqs: int, tokens: int, cut: int) -> Engine:
    return Engine(hardware.max_model_len, seqs, tokens, cut, 1.0, _CAP_STEPS * tokens)


def _alike(engine: Engine) -> Candidate:
    return Candidate(lanes((_BOUNDARY,), (engine, engine), BY_TURNS), (4, 4))


def _ratio(value: float, base: float) -> str:
    return f"{value / base:.3g}x" if base else "-"


def _words(of: Candidate) -> str:
    engine = of.design.lanes[0].engine
    return f"{engine.max_num_batched_tokens}/{engine.long_prefill_token_threshold}, {engine.max_num_seqs} seqs"


def _pairs(text: str) -> list[tuple[str, str, int]]:
    try:
        return [(model, gpu, int(count)) for model, gpu, count in (pair.split(":") for pair in text.split(","))]
    except ValueError:
        raise argparse.ArgumentTypeError(f"no pairs as in llama-3-70b:h100:4: {text}") from None


def main() -> None:
    """Command line."""
    parser = arguments.parser(__doc__, "azure")
    parser.add_argument("--pairs", type=_pairs, default=[*PAIRS, *OTHER_PAIRS], help="model:gpu:gpus, by commas")
    parser.add_argument("--requests", type=int, default=19_366)
    options = parser.parse_args()
    sources = Sources(options.azure, None, None, options.requests, options.seed)
    rows = []
    with ThreadPoolExecutor(1) as executor:
        for pair in options.pairs:
            arguments.progress(f"{pair}")
            bench = Bench(derive(*pair), two_classes(), executor, Effort(sweeps=1))
            rows.append(row(pair, _rate(bench, sources)))
    columns = ("engines", "chosen", "goodput", "vLLM's defaults", "the lanes' numbers", "best of the grid", "which is")
    table("Mix, requests/s a replica (chosen against it)", columns, rows)


if __name__ == "__main__":
    arguments.run(main)
