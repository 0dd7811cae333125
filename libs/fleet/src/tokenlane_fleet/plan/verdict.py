"""What the figures come to, in sentences for whoever runs the fleet."""

from collections.abc import Mapping, Sequence

from tokenlane_fleet.plan.idle import OutOfReach
from tokenlane_fleet.plan.report import BoundaryPoint, ClassFigures, Option
from tokenlane_fleet.plan.words import counted, milliseconds, percent, times

POOLS = ("one", "one-push", "defaults", "paper")
"""Single pools, the simplest to run with tokenlane first."""
LANES = ("two", "three")
NOT_TODAY = ("one-deadline", "elastic")
"""What tokenlane does not do today: shown, never recommended."""
_LIKE = 1.05
"""Head-rooms or latencies whose ratio is below this are taken as equal."""


def recommended(options: Sequence[Option]) -> str | None:
    """Fewest GPUs. Of equals a single pool rather than lanes, then the one that keeps clearly more load, then the
    simplest."""
    simple = {key: place for place, key in enumerate((*POOLS, *LANES))}
    fit = [option for option in options if option.meets_slo and option.key in simple]
    if not fit:
        return None
    fewest = min(option.gpus for option in fit)
    equal = [option for option in fit if option.gpus == fewest]
    equal = [option for option in equal if option.key in POOLS] or equal
    most = max(option.headroom for option in equal)
    return min((option for option in equal if option.headroom * _LIKE >= most), key=lambda of: simple[of.key]).key


def verdict(options: Sequence[Option], boundaries: Sequence[BoundaryPoint], best: str | None) -> tuple[str, ...]:
    """Sentences, the recommendation first."""
    by_key = {option.key: option for option in options}
    if best is None:
        return _none_keeps(options)
    chosen = by_key[best]
    sentences = [_recommendation(chosen), *_savings(chosen, by_key), *_lanes(chosen, by_key)]
    return (*sentences, *_closed_form(boundaries, by_key), *_what_would_be(by_key))


def unreachable(out: Sequence[OutOfReach], attainment: float) -> tuple[str, ...]:
    """Why no fleet can keep the objectives."""
    return tuple(_unreachable(of, attainment) for of in out)


def _unreachable(of: OutOfReach, attainment: float) -> str:
    start = f"No fleet of these engines keeps the {of.class_name} class's objectives: "
    if of.by == "context":
        return f"{start}{percent(of.share)} of its prompts do not fit the model's context."
    what = "a token after the first" if of.by == "tpot" else "to the first token"
    return (
        f"{start}at the {percent(attainment)} that must keep them an idle engine alone takes "
        f"{milliseconds(of.seconds)} {what}, and the limit is {milliseconds(of.limit_s)}. More GPUs an engine, faster "
        "ones, a smaller model or a wider limit would help; more replicas do not."
    )


def _none_keeps(options: Sequence[Option]) -> tuple[str, ...]:
    if not options:
        return ("No strategy was asked for that this trace allows.",)
    largest = max(option.replicas for option in options)
    nearest = max(options, key=lambda of: of.headroom)
    return (
        f"No fleet of up to {counted(largest, 'replica')} keeps the objectives; the figures are the largest's. "
        f"{nearest.title.capitalize()} keeps them at {times(nearest.headroom)} this load.",
    )


def _recommendation(chosen: Option) -> str:
    size = f"{counted(chosen.replicas, 'replica')}, {counted(chosen.gpus, 'GPU')}"
    return (
        f"{_described(chosen)}: {size}, {chosen.cost_per_hour:,.2f} $/h. It keeps the objectives up to "
        f"{times(chosen.headroom)} this load."
    )


def _described(option: Option) -> str:
    if option.key in LANES:
        ends = " and ".join(f"{pool.up_to_tokens:,}" for pool in option.pools if pool.up_to_tokens)
        split = " + ".join(str(pool.replicas) for pool in option.pools)
        return f"Take {option.title} (up to {ends} tokens; {split})"
    return f"Take {option.title}"


def _savings(chosen: Option, by_key: Mapping[str, Option]) -> list[str]:
    pool = _tuned_pool(by_key)
    names = [("paper", "the paper's pool"), ("defaults", "vLLM's defaults")]
    if chosen.key == "one-push":
        names.append(("one", "tokenlane with a single lane, which does not look at work"))
    others = [(by_key[key], name) for key, name in names if key in by_key and key != chosen.key]
    if pool is not None and chosen.key in LANES:
        others.append((pool, "the tuned single pool"))
    parts = [_against(chosen, other, name) for other, name in others]
    return [f"Against {'; '.join(parts)}."] if parts else []


def _against(chosen: Option, other: Option, name: str) -> str:
    if not other.meets_slo:
        return f"{name}: that keeps the objectives with none of up to {counted(other.replicas, 'replica')}"
    saved = other.gpus - chosen.gpus
    if not saved:
        return f"{name}: as many GPUs, {_ratio(chosen.headroom, other.headroom)}"
    fewer = "fewer" if saved > 0 else "more"
    return f"{name}: {counted(abs(saved), 'GPU')} {fewer} ({percent(abs(saved) / other.gpus)})"


def _ratio(ours: float, theirs: float) -> str:
    if theirs <= 0 or max(ours, theirs) < _LIKE * min(ours, theirs):
        return "about the same load kept"
    return f"{ours / theirs:.2f} times the load kept"


def _lanes(chosen: Option, by_key: Mapping[str, Option]) -> list[str]:
    """One pool or lanes: which, and what the other has for it."""
    pool, lanes = _tuned_pool(by_key), _best_of(by_key, LANES)
    if pool is None:
        return []
    if lanes is None:
        return ["One pool is better here: no boundary splits these lengths."] if chosen.key in POOLS else []
    if not lanes.meets_slo:
        return [f"One pool is better here: fixed lanes of up to {counted(lanes.replicas, 'replica')} do not do."]
    if chosen.key in POOLS:
        return [_one_is_better(pool, lanes), *_latencies(pool, lanes), *_router(chosen, by_key)]
    return _latencies(pool, lanes)


def _one_is_better(pool: Option, lanes: Option) -> str:
    if lanes.gpus > pool.gpus:
        return f"One pool is better here: fixed lanes need {counted(lanes.gpus - pool.gpus, 'GPU')} more."
    if lanes.headroom > _LIKE * pool.headroom:
        return (
            f"Fixed lanes save no GPU, so one pool is simpler; lanes would keep {times(lanes.headroom)} this load "
            f"where the pool keeps {times(pool.headroom)}."
        )
    return (
        f"One pool is better here: fixed lanes need as many GPUs and keep {times(lanes.headroom)} this load, "
        f"the pool {times(pool.headroom)}."
    )


def _router(chosen: Option, by_key: Mapping[str, Option]) -> list[str]:
    """Where no queue is needed."""
    router = by_key.get("one-push")
    if chosen.key != "one" or router is None or not router.meets_slo or router.gpus > chosen.gpus:
        return []
    return [
        f"A router by outstanding work in front of tuned engines does as well, up to {times(router.headroom)} this "
        "load."
    ]


def _latencies(pool: Option, lanes: Option) -> list[str]:
    """Where a class's tail differs clearly."""
    parts = [
        f"{ours.name} P99 {metric} {milliseconds(lane_s)} against {milliseconds(pool_s)}"
        for theirs, ours in zip(pool.classes, lanes.classes, strict=True)
        if ours.requests
        for metric, lane_s, pool_s in _tails(ours, theirs)
        if max(lane_s, pool_s) > 1.2 * min(lane_s, pool_s)
    ]
    return [f"Fixed lanes against one pool, at these sizes: {'; '.join(parts)}."] if parts else []


def _tails(ours: ClassFigures, theirs: ClassFigures) -> list[tuple[str, float, float]]:
    return [
        ("to the first token", ours.ttft_p99_s, theirs.ttft_p99_s),
        ("a token", ours.tpot_p99_s, theirs.tpot_p99_s),
    ]


def _closed_form(boundaries: Sequence[BoundaryPoint], by_key: Mapping[str, Option]) -> list[str]:
    """At the boundary of the two lanes."""
    two = by_key.get("two")
    point = next((of for of in boundaries if two and of.up_to_tokens == two.pools[0].up_to_tokens), None)
    if point is None or not point.rho:
        return []
    said = (
        f"At a boundary of {point.up_to_tokens:,} the closed form alpha (1 - 1/rho) = {point.alpha:.2f} x "
        f"(1 - 1/{point.rho:.2f}) says {percent(point.closed_form)} saved against the tuned pool; simulated: "
        f"{percent(point.simulated)}, and {percent(point.unrounded)} before lanes are rounded up to whole replicas."
    )
    if abs(point.closed_form - point.unrounded) < 0.05:
        return [said]
    return [
        f"{said} The closed form takes a replica of the long lane to keep as many requests a second as one of the "
        f"pool; it keeps {_long_rate(point):.2f} times as many."
    ]


def _long_rate(point: BoundaryPoint) -> float:
    """Of a long lane's replica, over the pool's: what is left of the unrounded need once the short lane's is taken."""
    return (1 - point.alpha) / (1 - point.unrounded - point.alpha / point.rho)


def _what_would_be(by_key: Mapping[str, Option]) -> list[str]:
    """What tokenlane does not do today."""
    pool, deadline, elastic = _tuned_pool(by_key), by_key.get("one-deadline"), by_key.get("elastic")
    parts = [
        f"{name} would take {counted(of.gpus, 'GPU')} and keep {times(of.headroom)} this load"
        for name, of in (("one pool in deadline order", deadline), ("elastic lanes in deadline order", elastic))
        if of is not None and of.meets_slo
    ]
    if not parts or pool is None:
        return []
    return [f"Not in tokenlane today: {'; '.join(parts)} (the tuned pool: {pool.gpus} and {times(pool.headroom)})."]


def _tuned_pool(by_key: Mapping[str, Option]) -> Option | None:
    return _best_of(by_key, ("one", "one-push"))


def _best_of(by_key: Mapping[str, Option], keys: Sequence[str]) -> Option | None:
    found = [by_key[key] for key in keys if key in by_key]
    return min(found, key=lambda of: (not of.meets_slo, of.gpus, -of.headroom), default=None)
