"""All figures, each computed once and kept under its key."""

from dataclasses import asdict, replace
from typing import Any

from bench.fleet.cache import Cache
from bench.fleet.contenders import PULLED, named
from bench.fleet.goodput import Bench
from bench.fleet.settings_words import read, written
from bench.fleet.study import GRID, Scale, Study
from bench.fleet.workloads import BURSTS, CHAT, MIX, UNIFORM, Kind, Sources
from bench.goodput import other_engines, variants, worker_rules
from bench.goodput.overload import FACTOR, waits
from tokenlane_fleet.hardware.hardware import derive
from tokenlane_fleet.plan.design import Candidate
from tokenlane_fleet.sim.slo import two_classes

BURST_REPLICAS = 27
"""The fewest with which the tuned pool keeps 40 requests/s of these bursts: with fewer, what counts is how many of some
hundred requests that come at once so many engines prefill within a second."""
BURSTS_AT_SIZE = replace(BURSTS, title=f"bursts (CV 13), {BURST_REPLICAS} replicas", per_replica=1.4)
KINDS = (CHAT, MIX, BURSTS_AT_SIZE, UNIFORM)
POLICIES = ("defaults", "one-push", "one", "one-deadline", "two", "by-turns")
LIMITS_POLICIES = ("one-push", "one-deadline", "by-turns")
SHORT_TPOT_S, LONG_TPOT_S = 0.04, 0.15
MORE_STEPS = ((320, 160), (384, 192), (448, 224), (448, 336), (1024, 0), (1280, 0))
"""For limits of 40 and 150 ms a token."""
_DRAWS = (1, 2, 3)


class Figures:
    """`bench` has the study's usual limits; `scale` is for all kinds of traffic but bursts."""

    def __init__(self, bench: Bench, sources: Sources, cache: Cache, scale: Scale) -> None:
        self._bench, self._sources, self._cache, self._scale = bench, sources, cache, scale
        self._replicas = scale.replicas
        at_size = replace(scale, replicas=BURST_REPLICAS)
        self._study = Study(bench, sources, cache, "", scale)
        self._at_size = Study(bench, sources, cache, "at size", at_size)
        slo = two_classes(tpot_s=SHORT_TPOT_S, long_tpot_s=LONG_TPOT_S)
        self._limits = Study(replace(bench, slo=slo), sources, cache, "40/150", scale, (*MORE_STEPS, *GRID))

    def best(self, kind: Kind, policy: str) -> tuple[Candidate, float]:
        """A policy at its best, and its goodput in requests/s of a replica."""
        study = self._at_size if kind is BURSTS_AT_SIZE else self._study
        return study.best(kind, named(policy))

    def best_by_class(self, policy: str) -> tuple[Candidate, float]:
        """The same on the mix with 40 ms a token for short requests and 150 ms for long ones."""
        return self._limits.best(MIX, named(policy))

    def overload(self) -> dict[str, list[dict[str, Any]]]:
        """By policy and draw, at 1.25 times what the tuned pool keeps."""
        found_at, policies = self._overload_rate(), ("one-push", "one-deadline", PULLED.key)

        def compute() -> dict[str, list[dict[str, Any]]]:
            found = {key: self.best(MIX, key)[0] for key in policies}
            return {
                key: [asdict(waits(self._bench, self._sources, MIX, of, found_at, draw)) for draw in _DRAWS]
                for key, of in found.items()
            }

        found: dict[str, list[dict[str, Any]]] = self._once("overload", compute)
        return found

    def _overload_rate(self) -> float:
        return FACTOR * self.best(MIX, "one-push")[1] * self._replicas

    def variant(self, variant: variants.Variant) -> dict[str, float]:
        """Goodput by kind of traffic, and the waits of the mix in overload over the tuned pool's."""

        def compute() -> dict[str, float]:
            found = {}
            for kind in KINDS:
                best, kept = self.best(kind, PULLED.key)
                draws = (0,) if kind is CHAT else _DRAWS
                of = variants.changed(best, variant)
                found[kind.key] = variants.goodput(self._bench, self._sources, kind, of, kept, draws)
            of, rate = variants.changed(self.best(MIX, PULLED.key)[0], variant), self._overload_rate()
            pool = self.overload()["one-push"]
            short, long = variants.overloaded(self._bench, self._sources, MIX, of, pool, rate)
            return {**found, "short": short, "long": long}

        found: dict[str, float] = self._once(f"variant {variant.title}", compute)
        return found

    def overcommit(self, part: float, known: bool, factor: float) -> worker_rules.Rated:
        """On the mix."""
        of, kept = self.best(MIX, PULLED.key)
        bench = worker_rules.with_memory(self._bench, part, known)
        changed = worker_rules.overcommitted(of, factor)
        return self._rated(f"credit {part} {known} {factor}", bench, MIX, changed, kept)

    def cap(self, kind: Kind, steps: int) -> worker_rules.Rated:
        """With a cap of so many steps."""
        of, kept = self.best(kind, PULLED.key)
        return self._rated(f"cap {kind.key} {steps}", self._bench, kind, worker_rules.capped(of, steps), kept)

    def engines(self, model: str, gpu: str, gpus: int) -> dict[str, tuple[Candidate, float]]:
        """Settings and goodput on the mix."""
        hardware = derive(model, gpu, gpus)
        bench, key = replace(self._bench, hardware=hardware), f"engines {model} {gpu} {gpus}"
        found = {
            "pool": other_engines.default_pool(hardware, self._replicas),
            "defaults": other_engines.default_engines(hardware, self._replicas),
            "tuned": self._lanes_for(key, bench),
        }
        return {name: (of, self._goodput_of(f"{key} {name}", bench, of)) for name, of in found.items()}

    def _lanes_for(self, key: str, bench: Bench) -> Candidate:
        def compute() -> dict[str, Any]:
            return written(other_engines.lanes_for(bench, self._sources, MIX, self._replicas))

        return read(self._once(f"{key} search", compute))

    def _goodput_of(self, key: str, bench: Bench, of: Candidate) -> float:
        return float(self._once(key, lambda: other_engines.goodput(bench, self._sources, MIX, of)))

    def _rated(self, key: str, bench: Bench, kind: Kind, of: Candidate, guess: float) -> worker_rules.Rated:
        kept, preempted = self._once(key, lambda: worker_rules.rated(bench, self._sources, kind, of, guess))
        return float(kept), float(preempted)

    def _once(self, key: str, compute: Any) -> Any:
        return self._cache.get(key, compute)
