"""From what was counted to a report. Imports numpy only where something is simulated."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tokenlane_cli.tune import words
from tokenlane_cli.tune.advice import advice, as_now, as_one_lane, keeping_engines, with_replicas
from tokenlane_cli.tune.capacity import ASSUMED_UTILISATION
from tokenlane_cli.tune.compare_values import Comparison
from tokenlane_cli.tune.counted import counted
from tokenlane_cli.tune.hardware import observed_hardware
from tokenlane_cli.tune.present import Given, Known, Present, present_lanes
from tokenlane_cli.tune.report import Advice, Report
from tokenlane_cli.tune.traffic import ModelTraffic
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware.hardware import Hardware

if TYPE_CHECKING:
    from tokenlane_cli.tune.arrivals import Stretch

NEEDED = ("numpy", "numba")


@dataclass(frozen=True, slots=True)
class Asked:
    """`hardware` None: what the traffic shows. `least_requests`: with fewer nothing is recommended."""

    hardware: Hardware | None
    given: Given
    short_up_to: int
    tpot_s: float
    least_requests: int
    most_routes: int


@dataclass(frozen=True, slots=True)
class Found:
    """The traffic of one model and what surrounds it. `others`: further models; `stretch` None: without numpy."""

    model: str
    traffic: ModelTraffic
    known: Known
    stretch: "Stretch | None"
    source: str
    skipped: int
    others: tuple[str, ...]


def analyse(found: Found, asked: Asked, on_run: Callable[[int], None] = lambda _: None) -> Report:
    """`on_run` hears how many fleets were simulated. Raises UsageError for lanes or settings that cannot be."""
    traffic, stretch = found.traffic, found.stretch
    span = (stretch.from_ms, stretch.to_ms) if stretch is not None else (traffic.first_ms, traffic.last_ms)
    present = present_lanes(traffic, found.known, asked.given, *span)
    hardware = asked.hardware or observed_hardware(found.model, present.lanes, traffic.prefills.step_times())
    report = Report(
        source=found.source,
        skipped=found.skipped,
        counted=counted(found.model, traffic, present, asked.most_routes),
        other_models=found.others,
        engine=words.engine(hardware),
        advice=None,
        comparison=None,
        verdict=(),
        notes=tuple(words.notes(found.skipped, traffic, present, found.others)),
    )
    if traffic.requests < asked.least_requests:
        return replace(report, verdict=(words.too_few(traffic.requests, asked.least_requests),))
    return _advised(report, found, asked, present, hardware, on_run)


def _advised(
    report: Report,
    found: Found,
    asked: Asked,
    present: Present,
    hardware: Hardware | None,
    on_run: Callable[[int], None],
) -> Report:
    traffic = found.traffic
    told = advice(traffic, present, hardware, asked.tpot_s, asked.short_up_to)
    if hardware is None:
        note = (
            "no engine settings and no simulation: name --model and --gpu, or a --profile; a worker's capacity is "
            f"ASSUMED to be {1 / ASSUMED_UTILISATION:g} times what it did in the busiest hour"
        )
        return replace(report, advice=told, verdict=words.verdict(told, present, None), notes=(*report.notes, note))
    if found.stretch is None:
        note = "not simulated: that needs more packages, pip install 'tokenlane-cli[plan]'"
        return replace(report, advice=told, verdict=words.verdict(told, present, None), notes=(*report.notes, note))
    try:
        told, comparison = _simulated(told, found, found.stretch, asked, present, hardware, on_run)
    except FleetError as error:
        note = f"not simulated: {error}"
        return replace(report, advice=told, verdict=words.verdict(told, present, None), notes=(*report.notes, note))
    notes = (*report.notes, *words.simulated(traffic, present, hardware, comparison))
    return replace(
        report, advice=told, comparison=comparison, verdict=words.verdict(told, present, comparison), notes=notes
    )


def _simulated(
    told: Advice,
    found: Found,
    stretch: "Stretch",
    asked: Asked,
    present: Present,
    hardware: Hardware,
    on_run: Callable[[int], None],
) -> tuple[Advice, Comparison]:
    """The advice that serves best in the simulation: as told, another one, or what runs now. Raises FleetError."""
    # Late: numpy and numba.
    from tokenlane_cli.tune.compare import compare
    from tokenlane_cli.tune.setups import named, setup_now, setup_of
    from tokenlane_cli.tune.simulator import Simulator

    traffic = found.traffic
    title = named(told)
    others = {f"{title}, settings below": told, f"{title}, engines as now": keeping_engines(told)}
    if len(told.lanes) > 1:
        others["one lane"] = as_one_lane(traffic, present, hardware, asked.tpot_s, words.ONE_LANE)
    if title != named(as_now(traffic, present, hardware, asked.tpot_s, "")):
        others["boundary as now, new settings"] = as_now(traffic, present, hardware, asked.tpot_s, words.SAME_BOUNDARY)
    setups = [setup_of(name, one, present, hardware) for name, one in others.items()]
    simulator = Simulator(stretch, hardware, asked.short_up_to, asked.tpot_s, on_run)
    now = setup_now(present, hardware)
    comparison = compare(simulator, len(stretch.trace), (now, tuple(lane.replicas for lane in present.lanes)), setups)
    kept = keeping_engines(as_now(traffic, present, hardware, asked.tpot_s, words.NOTHING_BETTER))
    best = others.get(comparison.chosen, kept)
    if named(best) != title:
        best = replace(best, reason=f"{best.reason} By arithmetic alone it would be {title}: {told.reason}.")
    served = (comparison.now, *comparison.with_same)
    replicas = next(outcome.replicas for outcome in served if outcome.title == comparison.chosen)
    return with_replicas(replace(best, curve=told.curve), replicas), comparison


def can_simulate() -> bool:
    """Whether the packages are there."""
    return all(find_spec(name) is not None for name in NEEDED)
