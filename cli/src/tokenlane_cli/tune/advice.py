"""The boundary that the traffic asks for, and the engines that go with it. Pure."""

import math
from collections.abc import Sequence
from dataclasses import replace

from tokenlane_cli.tune.capacity import busiest_rate, capacities
from tokenlane_cli.tune.engines import LaneLoad, advise
from tokenlane_cli.tune.lanes import LaneTraffic
from tokenlane_cli.tune.present import Present
from tokenlane_cli.tune.report import Advice, CurvePoint, LaneAdvice
from tokenlane_cli.tune.traffic import ModelTraffic
from tokenlane_fleet.boundary import BoundarySettings, Outlook, Uppers, recommend
from tokenlane_fleet.hardware.hardware import Hardware

# Preemptions by a thousand requests: under the first the cache has room, above the second it is too full.
_FEW_PREEMPTIONS, _MANY_PREEMPTIONS = 1.0, 10.0
_MOST_OVERCOMMIT = 3.0
_WELL_USED = 0.8
_ALL = 1 - 1e-9


def advice(
    traffic: ModelTraffic, present: Present, hardware: Hardware | None, tpot_s: float, short_up_to: int
) -> Advice:
    """For the hour with most requests, and the workers that there are."""
    # Whether there are enough was asked before.
    settings = BoundarySettings(short_tokens=short_up_to, least_observations=1)
    lanes = capacities(traffic, present, hardware)
    found = recommend(traffic.lengths, lanes, settings, rate=busiest_rate(traffic))
    of = found.decision
    return Advice(
        lanes=_lanes(of.uppers, traffic, present, hardware, tpot_s),
        reason=of.reason,
        curve=_curve(found.curve),
    )


def as_one_lane(traffic: ModelTraffic, present: Present, hardware: Hardware, tpot_s: float, reason: str) -> Advice:
    """Everything in the lane with the longest context."""
    name = max(reversed(present.lanes), key=lambda lane: lane.max_model_len).name
    return Advice(_lanes(((name, None),), traffic, present, hardware, tpot_s), reason, ())


def as_now(traffic: ModelTraffic, present: Present, hardware: Hardware, tpot_s: float, reason: str) -> Advice:
    """The present boundaries."""
    uppers = tuple((lane.name, lane.up_to_tokens) for lane in present.lanes)
    return Advice(_lanes(uppers, traffic, present, hardware, tpot_s), reason, ())


def keeping_engines(of: Advice) -> Advice:
    """The same lanes with the engines that they have."""
    return replace(of, new_engines=False)


def _lanes(
    uppers: "Uppers | tuple[tuple[str, int | None], ...]",
    traffic: ModelTraffic,
    present: Present,
    hardware: Hardware | None,
    tpot_s: float,
) -> tuple[LaneAdvice, ...]:
    above, lanes = 0, []
    elastic = all(lane.elastic for lane in present.lanes)
    for number, (name, upper) in enumerate(uppers, start=1):
        upper = None if number == len(uppers) else upper
        load = LaneLoad(name, upper, traffic.total.between(above, upper), elastic)
        overcommit, why = _overcommit(name, traffic)
        lanes.append(
            LaneAdvice(
                name=name,
                up_to_tokens=upper,
                requests=load.total.count / traffic.requests,
                replicas=_replicas(name, len(uppers), present),
                engine=None if hardware is None else advise(load, hardware, tpot_s),
                kv_overcommit=overcommit,
                kv_why=why,
            )
        )
        above = upper or 0
    return tuple(lanes)


def with_replicas(of: Advice, replicas: Sequence[int]) -> Advice:
    """The same lanes with so many workers each."""
    pairs = zip(of.lanes, replicas, strict=True)
    return replace(of, lanes=tuple(replace(lane, replicas=count) for lane, count in pairs))


def _replicas(lane: str, lanes: int, present: Present) -> int:
    every = sum(now.replicas for now in present.lanes)
    if lanes == 1:
        return every
    return next((now.replicas for now in present.lanes if now.name == lane), max(1, every // lanes))


def _curve(outlooks: Sequence[Outlook]) -> tuple[CurvePoint, ...]:
    """Up to the first boundary that all requests are below."""
    points = [_point(outlook) for outlook in outlooks if outlook.boundary is not None]
    within = [point for point in points if point.requests < _ALL]
    return tuple(points[: len(within) + 1])


def _point(outlook: Outlook) -> CurvePoint:
    first = outlook.lanes[0]
    ttft = outlook.short_ttft_s
    return CurvePoint(
        boundary=outlook.boundary or 0,
        requests=first.share,
        work=first.work,
        utilisation=outlook.utilisation,
        short_ttft_s=ttft if math.isfinite(ttft) else None,
    )


def _overcommit(lane: str, traffic: ModelTraffic) -> tuple[float | None, str]:
    """A value for the worker's KV credit, None to leave it, and why."""
    found, workers = traffic.lanes.get(lane, LaneTraffic()), traffic.workers.get(lane)
    if workers is None or not found.budgeted_tokens:
        return None, ""
    rate = 1000 * workers.preemptions / max(1, found.requests)
    use = found.budgeted_tokens / found.budget_tokens
    figures = f"requests take {use:.0%} of their budgets, {rate:.2g} preemptions by 1,000 of them"
    if rate > _MANY_PREEMPTIONS:
        return 1.0, f"{figures}: no more than the cache holds"
    if rate < _FEW_PREEMPTIONS and use < _WELL_USED:
        value = min(_MOST_OVERCOMMIT, math.floor(10 / use) / 10)
        return value, f"{figures}: the cache stays emptier than credit has it; raise it while preemptions stay rare"
    return None, f"{figures}: as it is"
