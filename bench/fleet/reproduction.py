"""Fleets of the paper and tuned ones at the paper's load, on one model of step times."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.fleet.contenders import CONTENDERS
from bench.fleet.engines import BOUNDARY, paper_designs
from bench.fleet.goodput import Bench, scaled
from bench.fleet.published import DUAL, HOMOGENEOUS, RATE
from bench.fleet.settings_words import described, engines_of, written
from tokenlane_cli.traces.load import load
from tokenlane_fleet.plan.design import Candidate, Engine
from tokenlane_fleet.sim import workloads
from tokenlane_fleet.sim.slo import meets
from tokenlane_fleet.sim.trace import Trace

TUNED_RATE, TUNED_REQUESTS, TUNED_REPLICAS = 40.0, 8_000, 8
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Row:
    """One fleet at the paper's load. `kept`: whether it keeps the paper's limits. Shares are of all requests."""

    name: str
    replicas: tuple[int, ...]
    kept: bool
    ttft_p99_s: float
    tpot_p99_s: float
    preemptions_per_1000: float
    rejected: float
    settings: str


class Reproduction:
    """All rows of one trace on one hardware."""

    def __init__(self, bench: Bench, name: str, path: Path, requests: int, seed: int) -> None:
        self._bench, self._name, self._path, self._seed = bench, name, path, seed
        self._trace = self._drawn(RATE, requests)

    def alpha(self) -> float:
        """Share of the requests up to the boundary."""
        return float((self._trace.total_tokens <= BOUNDARY).mean())

    def published_sizes(self) -> list[Row]:
        """The paper's fleets with as many instances as it says; the long pool by its share, at least one."""
        one, two = paper_designs(self._bench.hardware)
        both = DUAL[self._name].gpus
        long = max(1, round((1 - self.alpha()) * both))
        return [
            self._row("one pool at the published size", Candidate(one, (HOMOGENEOUS[self._name].gpus,))),
            self._row("two pools at the published size", Candidate(two, (both - long, long))),
        ]

    def least_sizes(self) -> list[Row]:
        """The paper's fleets at the smallest size that keeps its limits."""
        one, two = paper_designs(self._bench.hardware)
        return [
            self._least("one pool, 64K x 16", Candidate(one, (300,))),
            self._least("two pools, 8K x 128 and 64K x 16", Candidate(two, (100, 5))),
        ]

    def tuned(self) -> list[Row]:
        """One pool and two lanes with settings searched on a small fleet of the same load a replica."""
        small = self._drawn(TUNED_RATE, TUNED_REQUESTS)
        rows: list[Row] = []
        known: list[Engine] = []
        for key, name in (
            ("one-push", "one pool, **tuned**, push"),
            ("one-deadline", "one pool, **tuned**, pull"),
            ("two", "two lanes, tuned, pull"),
        ):
            contender = next(of for of in CONTENDERS if of.key == key)
            found = self._bench.tuned(small, contender, TUNED_REPLICAS, known if key == "two" else ())
            known += engines_of(found)
            rows.append(self._least(name, scaled(found, RATE / self._bench.highest_rate(small, found))))
        return rows

    def _least(self, name: str, candidate: Candidate) -> Row:
        size = self._bench.fewest(self._trace, candidate, MOST)
        found = "" if size.kept else " (no smaller one found)"
        return self._row(name + found, replace(candidate, replicas=size.replicas))

    def _row(self, name: str, candidate: Candidate) -> Row:
        result = self._bench.result(self._trace, candidate)
        served = ~result.rejected
        return Row(
            name=name,
            replicas=candidate.replicas,
            kept=meets(result, self._bench.slo),
            ttft_p99_s=float(np.percentile(result.ttft_s[served], 99)),
            tpot_p99_s=float(np.percentile(result.tpot_s[served], 99)),
            preemptions_per_1000=1000 * result.preemptions / len(self._trace),
            rejected=float(result.rejected.mean()),
            settings=described(written(candidate)),
        )

    def _drawn(self, rate: float, requests: int) -> Trace:
        loaded = load(self._path, limit=100_000, rate=rate, seed=self._seed).trace
        return workloads.resampled(loaded, requests, rate, np.random.default_rng(self._seed))


def saving(rows: Sequence[Row]) -> float:
    """Of the last row over the first."""
    return 1 - sum(rows[-1].replicas) / sum(rows[0].replicas)
