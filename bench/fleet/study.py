"""All figures of one step-time model, each computed once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.fleet.arguments import progress
from bench.fleet.cache import Cache
from bench.fleet.contenders import Contender, named
from bench.fleet.goodput import Bench, scaled
from bench.fleet.settings_words import engines_of, read, written
from bench.fleet.workloads import CHAT, Kind, Sources
from tokenlane_fleet.plan.design import Candidate, Design, Engine
from tokenlane_fleet.plan.moves import startable
from tokenlane_fleet.sim.fleet import Pull
from tokenlane_fleet.sim.slo import class_of
from tokenlane_fleet.sim.trace import Trace

Figures = dict[str, Any]
FINALISTS = 4
WORSE = 0.985
Steps = Sequence[tuple[int, int]]
GRID: Steps = ((512, 0), (704, 0), (832, 624), (832, 416), (960, 480), (1024, 512), (1024, 256), (2048, 512))
GRID_CAPS = (2048, 8192)
POOLS = ("one-push", "one", "one-deadline")


@dataclass(frozen=True, slots=True)
class Scale:
    """`replicas` for goodput and latencies; `rate` requests/s for sizing with at most `most` replicas; `draws` of the
    traffic over which goodput is averaged."""

    replicas: int
    rate: float
    most: int
    draws: int


class Study:
    """Results go through `cache` under keys that begin with `prefix`."""

    def __init__(
        self, bench: Bench, sources: Sources, cache: Cache, prefix: str, scale: Scale, grid: Steps = GRID
    ) -> None:
        """`grid`: step budgets and chunks that every tuned policy is tried with at last."""
        self._bench, self._sources, self._cache, self._prefix, self._scale = bench, sources, cache, prefix, scale
        self._grid = grid

    def figures(self, kind: Kind, contender: Contender) -> Figures:
        """Of one policy under one kind of traffic."""
        found: Figures = self._once(f"{kind.key} {contender.key}", lambda: self._figures(kind, contender))
        return found

    def goodput(self, kind: Kind, candidate: Candidate) -> float:
        """Requests/s of a replica, the mean of draws on which nothing was tuned."""
        return self._rates(kind, [candidate], self._draws(kind))[0] / sum(candidate.replicas)

    def best(self, kind: Kind, contender: Contender) -> tuple[Candidate, float]:
        """The contender at its best for that traffic, and its goodput."""

        def compute() -> Figures:
            candidate = self._best(kind, contender)
            return {"candidate": written(candidate), "goodput": self.goodput(kind, candidate)}

        found = self._once(f"{kind.key} {contender.key} goodput", compute)
        return read(found["candidate"]), float(found["goodput"])

    def _once(self, key: str, compute: Any) -> Any:
        def told() -> Any:
            progress(f"{self._prefix} {key}")
            return compute()

        return self._cache.get(f"{self._prefix} {key}", told)

    def _trace(self, kind: Kind, per_replica: float, again: int = 0) -> Trace:
        return self._sources.trace(kind, per_replica * self._scale.replicas, again)

    def _draws(self, kind: Kind) -> range:
        """Recorded arrivals can be had once only."""
        return range(1) if kind is CHAT else range(1, 1 + self._scale.draws)

    def _figures(self, kind: Kind, contender: Contender) -> Figures:
        candidate = self._best(kind, contender)
        return {
            "candidate": written(candidate),
            "goodput": self.goodput(kind, candidate),
            **self._latencies(kind, candidate),
            **self._sized(kind, candidate),
        }

    def _best(self, kind: Kind, contender: Contender) -> Candidate:
        """What the search found, or the same with settings found for a single pool or of a common grid: of the few that
        keep most on the draw that was searched on, the one that keeps most on several."""
        found = self._searched(kind, contender)
        if not contender.tuned:
            return found
        engines = [engine for key in POOLS for engine in engines_of(self._searched(kind, named(key)))]
        known = list(dict.fromkeys([found, *self._with_engines(found, [*engines, *_like(engines[0], self._grid)])]))
        near = self._rates(kind, known[:1], (0,))[0]
        known = [found, *self._keeping(kind, known[1:], near * WORSE)]
        first = [near, *self._rates(kind, known[1:], (0,), near)]
        order = sorted(range(len(known)), key=lambda place: -first[place])
        finalists = [known[place] for place in order[:FINALISTS]]
        kept = self._rates(kind, finalists, self._tuning_draws(kind), near)
        return finalists[kept.index(max(kept))]

    def _rates(
        self, kind: Kind, candidates: Sequence[Candidate], draws: Sequence[int], guess: float | None = None
    ) -> list[float]:
        """Of each candidate the load it keeps, as a mean of draws."""
        traces = [self._trace(kind, kind.per_replica, again) for again in draws]
        pairs = [(trace, of) for of in candidates for trace in traces]

        def highest(pair: tuple[Trace, Candidate]) -> float:
            return self._bench.highest_rate(pair[0], pair[1], guess)

        kept = list(self._bench.executor.map(highest, pairs))
        return [float(np.mean(kept[place : place + len(draws)])) for place in range(0, len(kept), len(draws))]

    def _keeping(self, kind: Kind, candidates: Sequence[Candidate], rate: float) -> list[Candidate]:
        """Those that keep the objectives at that load of the draw that was searched on."""
        if not rate:
            return list(candidates)
        trace = self._trace(kind, kind.per_replica).at_rate(rate)
        kept = self._bench.executor.map(lambda of: self._bench.keeps(trace, of), candidates)
        return [of for of, holds in zip(candidates, kept, strict=True) if holds]

    def _tuning_draws(self, kind: Kind) -> tuple[int, ...]:
        """None of them is one of those that figures are of."""
        return (0,) if kind is CHAT else (0, *range(101, 100 + self._scale.draws))

    def _with_engines(self, found: Candidate, engines: Sequence[Engine]) -> list[Candidate]:
        own = found.design.lanes[0].engine
        caps = {own.prefill_cap, *GRID_CAPS} if isinstance(found.design.dispatch, Pull) else {0}
        swapped = []
        for engine in (replace(of, prefill_cap=cap) for of in engines for cap in sorted(caps)):
            if startable(engine, self._bench.hardware):
                swapped += [replace(found, design=design) for design in _swapped(found.design, engine)]
        return swapped

    def _searched(self, kind: Kind, contender: Contender) -> Candidate:
        def compute() -> Figures:
            known = [engine for key in contender.learns_from for engine in engines_of(self._searched(kind, named(key)))]
            trace = self._trace(kind, kind.per_replica)
            return written(self._bench.tuned(trace, contender, self._scale.replicas, known))

        return read(self._once(f"{kind.key} {contender.key} search", compute))

    def _latencies(self, kind: Kind, candidate: Candidate) -> Figures:
        trace = self._trace(kind, kind.common, self._draws(kind)[0])
        result = self._bench.result(trace, candidate)
        classes = class_of(trace, self._bench.slo)
        found: Figures = {"preemptions_per_1000": 1000 * result.preemptions / len(trace)}
        for index, of in enumerate(self._bench.slo.classes):
            mine = (classes == index) & ~result.rejected
            if mine.any():
                found[f"{of.name}_ttft_p99_s"] = float(np.percentile(result.ttft_s[mine], 99))
                found[f"{of.name}_tpot_p99_s"] = float(np.percentile(result.tpot_s[mine], 99))
        return found

    def _sized(self, kind: Kind, candidate: Candidate) -> Figures:
        trace = self._sources.trace(kind, self._scale.rate, self._draws(kind)[0])
        guess = scaled(candidate, self._scale.rate / (kind.common * self._scale.replicas))
        size = self._bench.fewest(trace, guess, self._scale.most)
        return {"replicas": list(size.replicas) if size.kept else None}


def _swapped(design: Design, engine: Engine) -> list[Design]:
    """The same with that engine in all lanes, or in one of them where lanes need not be alike."""
    lanes = range(len(design.lanes))
    alone = [design.with_engine(index, engine) for index in lanes] if design.own_rules and len(lanes) > 1 else []
    for index in lanes:
        design = design.with_engine(index, engine)
    return [design, *alone]


def _like(engine: Engine, steps: Steps) -> list[Engine]:
    """Step budgets and chunks between the rungs of the search, or missed by the noise of its one draw."""
    return [
        replace(engine, max_num_batched_tokens=tokens, long_prefill_token_threshold=chunk) for tokens, chunk in steps
    ]
