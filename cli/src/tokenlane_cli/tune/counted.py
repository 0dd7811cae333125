"""From counts to what is told of them. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

from tokenlane_cli.tune.lanes import LaneTraffic
from tokenlane_cli.tune.present import LaneNow, Present
from tokenlane_cli.tune.report import Counted, Day, LaneLine, Lengths, RouteLine
from tokenlane_cli.tune.routes import Route, Routes, RouteTraffic
from tokenlane_cli.tune.tally import Tally
from tokenlane_cli.tune.traffic import HOUR_MS, Hour, ModelTraffic

_MICROS = 1e6


def counted(model: str, traffic: ModelTraffic, present: Present, most_routes: int) -> Counted:
    """The figures of one model's traffic; routes with most requests first."""
    shown = _routes(traffic.routes, most_routes)
    every = traffic.routes.all()
    return Counted(
        model=model,
        requests=traffic.requests,
        estimated=traffic.estimated,
        limited=traffic.limited / traffic.requests,
        from_ms=traffic.first_ms,
        to_ms=traffic.last_ms,
        days=tuple(_days(traffic.hours)),
        hours=_by_hour_of_day(traffic.hours),
        lengths=(
            _lengths("prompt", traffic.prompt),
            _lengths("output", traffic.output),
            _lengths("total", traffic.total),
        ),
        coverage=_share(every.covered, every.budgeted),
        routes=shown,
        routes_left=len(traffic.routes.by_route) - len(shown),
        routes_folded=traffic.routes.folded,
        lanes=tuple(_lane(index, present, traffic) for index in range(len(present.lanes))),
        boundaries_from=present.source,
    )


def _days(hours: dict[int, Hour]) -> Iterable[Day]:
    by_day: dict[int, list[tuple[int, Hour]]] = {}
    for number, hour in hours.items():
        by_day.setdefault(number // 24, []).append((number % 24, hour))
    for day in sorted(by_day):
        busiest = max(by_day[day], key=lambda entry: entry[1].requests)
        yield Day(
            date=datetime.fromtimestamp(day * 24 * HOUR_MS / 1000, UTC).strftime("%Y-%m-%d"),
            requests=sum(hour.requests for _, hour in by_day[day]),
            prompt_tokens=sum(hour.prompt_tokens for _, hour in by_day[day]),
            output_tokens=sum(hour.output_tokens for _, hour in by_day[day]),
            busiest_hour=busiest[0],
            busiest_requests=busiest[1].requests,
        )


def _by_hour_of_day(hours: dict[int, Hour]) -> tuple[float, ...]:
    """Means over the days from the first to the last, as far as they were recorded; hours without requests count."""
    first, last = min(hours), max(hours)
    found = []
    for of_day in range(24):
        days = (last - of_day) // 24 - (first - of_day - 1) // 24
        requests = sum(hour.requests for number, hour in hours.items() if number % 24 == of_day)
        found.append(requests / days if days > 0 else 0.0)
    return tuple(found)


def _lengths(name: str, tally: Tally) -> Lengths:
    p50, p90, p99 = tally.quantiles((0.5, 0.9, 0.99))
    return Lengths(name, tally.mean, p50, p90, p99, tally.largest)


def _routes(routes: Routes, most: int) -> tuple[RouteLine, ...]:
    ranked = sorted(routes.by_route.items(), key=lambda entry: -entry[1].requests)
    return tuple(_route(route, traffic) for route, traffic in ranked[:most])


def _route(route: Route, traffic: RouteTraffic) -> RouteLine:
    p50, p90, p99 = traffic.output.quantiles((0.5, 0.9, 0.99))
    return RouteLine(
        *route,
        requests=traffic.requests,
        limited=traffic.limited / traffic.requests,
        p50=p50,
        p90=p90,
        p99=p99,
        coverage=_share(traffic.covered, traffic.budgeted),
        budget=_share(traffic.budget_tokens, traffic.budgeted),
    )


def _lane(index: int, present: Present, traffic: ModelTraffic) -> LaneLine:
    lane, lower = present.lanes[index], present.lanes[index - 1].up_to_tokens if index else None
    found = traffic.lanes.get(lane.name) or LaneTraffic()
    too_long, too_short = _misplaced(lane, lower, found)
    workers = traffic.workers.get(lane.name)
    wait, first = _spread(found.queue_wait_us), _spread(found.first_data_us)
    return LaneLine(
        name=lane.name,
        up_to_tokens=lane.up_to_tokens,
        workers=lane.replicas,
        requests=found.requests,
        wait_p50_s=wait[0],
        wait_p99_s=wait[1],
        first_p50_s=first[0],
        first_p99_s=first[1],
        preemptions=workers.preemptions if workers is not None else 0,
        too_long=too_long,
        too_short=too_short,
        moved=found.moved,
        taken=found.taken,
        kv_use=_share(found.budgeted_tokens, found.budget_tokens),
    )


def _misplaced(lane: LaneNow, lower: int | None, found: LaneTraffic) -> tuple[int, int]:
    too_long = 0 if lane.up_to_tokens is None else found.total.above(lane.up_to_tokens)
    too_short = 0 if lower is None else found.requests - found.total.above(lower)
    return too_long, too_short


def _spread(micros: Tally) -> tuple[float | None, float | None]:
    if not micros.count:
        return None, None
    p50, p99 = micros.quantiles((0.5, 0.99))
    return p50 / _MICROS, p99 / _MICROS


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
