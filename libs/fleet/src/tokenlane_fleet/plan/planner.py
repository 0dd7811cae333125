"""The cheapest fleet that keeps the objectives for a trace, strategy by strategy.

Pure: the executor and the callback are the caller's, and the same seed gives the same plan on any number of cores.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.boundaries import closed_form, share_below
from tokenlane_fleet.plan.caveats import warnings
from tokenlane_fleet.plan.figures import Found, option, slo_facts, trace_facts
from tokenlane_fleet.plan.idle import out_of_reach
from tokenlane_fleet.plan.lanes import Laned
from tokenlane_fleet.plan.report import BoundaryPoint, Option, PlanReport
from tokenlane_fleet.plan.search import Search, Solved
from tokenlane_fleet.plan.settings import OnProgress, PlanSettings, Progress
from tokenlane_fleet.plan.sizing import fewest, highest_load
from tokenlane_fleet.plan.stages import Stages
from tokenlane_fleet.plan.strategies import Choice, Choices, Strategies
from tokenlane_fleet.plan.trials import Simulate, Trial, Trials
from tokenlane_fleet.plan.verdict import recommended, unreachable, verdict
from tokenlane_fleet.plan.words import TITLES, dispatch_text
from tokenlane_fleet.plan.workload import LOAD_STEP, Workload, workload
from tokenlane_fleet.sim.budgets import declared, estimated, exact
from tokenlane_fleet.sim.fleet import Pull
from tokenlane_fleet.sim.run import simulate as simulate_fleet
from tokenlane_fleet.sim.slo import Slo
from tokenlane_fleet.sim.trace import Tokens, Trace

__all__ = ["PlanSettings", "Progress", "plan"]


def plan(
    trace: Trace,
    hardware: Hardware,
    slo: Slo,
    settings: PlanSettings,
    *,
    note: str = "",
    progress: OnProgress = lambda _: None,
    executor: Executor,
    simulate: Simulate = simulate_fleet,
) -> PlanReport:
    """`note`: what was left out of the trace or made up, for the report. `executor`: threads, one a core.

    Objectives that not even an idle engine keeps are said at once, without any option. Raises FleetError.
    """
    stages = Stages(progress, settings)
    work = workload(trace, slo, _believed(trace, settings))
    trials = Trials(simulate, executor, hardware, transit_s=settings.transit_s, on_simulated=stages.simulated)
    out = out_of_reach(work, hardware, settings.transit_s)
    choices = Choices((), None, ())
    if not out:
        search = Search(trials, settings.effort, settings.max_replicas)
        busiest = trials.busiest(work, settings.effort.stretch)
        choices = Strategies(search, busiest, settings.max_lanes).choices(settings.strategies, stages.begin)
    price = hardware.price_per_gpu_hour if settings.price_per_gpu_hour is None else settings.price_per_gpu_hour
    stages.begin("figures")
    options = _options(trials, work, [_on_all(trials, work, of, settings) for of in choices.found], price)
    points = tuple(_point(work, of, choices.pool, hardware, price) for of in choices.two) if choices.pool else ()
    best = recommended(options)
    stages.end()
    return PlanReport(
        trace=trace_facts(trace, note),
        model=hardware.model,
        gpu=hardware.gpu,
        tensor_parallel=hardware.tensor_parallel,
        price_per_gpu_hour=price,
        step_time=hardware.step_time,
        slo=slo_facts(slo),
        attainment=slo.attainment,
        options=options,
        boundaries=points,
        best=best,
        verdict=unreachable(out, slo.attainment) if out else verdict(options, points, best),
        warnings=warnings(work, hardware, options, settings, price),
        simulations=trials.simulations,
        seed=settings.seed,
    )


def _believed(trace: Trace, settings: PlanSettings) -> Tokens:
    kinds: dict[str, Callable[[], Tokens]] = {
        "exact": partial(exact, trace),
        "declared": partial(declared, trace),
        "estimated": partial(estimated, trace, np.random.default_rng(settings.seed)),
    }
    return kinds[settings.budgets]()


def _on_all(trials: Trials, work: Workload, of: Choice, settings: PlanSettings) -> Choice:
    """Sized on the whole trace, where only a stretch of it was searched."""
    if len(work) <= settings.effort.stretch or not of.size.kept:
        return of
    return replace(of, size=fewest(trials, work, of.design, of.size.replicas, settings.max_replicas))


def _options(trials: Trials, work: Workload, choices: Sequence[Choice], price: float) -> tuple[Option, ...]:
    results = trials.results([Trial(work, 0, of.design, of.size.replicas) for of in choices])
    return tuple(
        option(_found(trials, work, of), result, trials.hardware, work.slo, price)
        for of, result in zip(choices, results, strict=True)
    )


def _found(trials: Trials, work: Workload, of: Choice) -> Found:
    load = highest_load(trials, work, of.design, of.size.replicas, of.load) if work.trace.duration_s else 0
    late_last = isinstance(of.design.dispatch, Pull) and of.design.dispatch.late_last
    headroom = 0.0 if load is None else LOAD_STEP**load
    return Found(of.key, TITLES[of.key], dispatch_text(of.key, late_last), of.design, of.size, headroom)


def _point(work: Workload, of: Laned, pool: Solved, hardware: Hardware, price: float) -> BoundaryPoint:
    (boundary,) = of.boundaries
    alpha = share_below(work, boundary)
    rho = of.parts[0].rate / pool.rate if pool.rate else 0.0
    gpus = of.size.total * hardware.tensor_parallel
    return BoundaryPoint(
        up_to_tokens=boundary,
        short_replicas=of.size.replicas[0],
        long_replicas=of.size.replicas[1],
        gpus=gpus,
        cost_per_hour=gpus * price,
        meets_slo=of.size.kept,
        alpha=alpha,
        rho=rho,
        closed_form=closed_form(alpha, rho),
        simulated=1 - of.size.total / pool.size.total,
        unrounded=1 - of.needed / pool.needed if np.isfinite(pool.needed) and np.isfinite(of.needed) else 0.0,
    )
