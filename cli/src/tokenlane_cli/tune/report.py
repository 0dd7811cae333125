"""All that a tuning report says. Frozen values of plain types; `--json` prints them as they are.

Times in seconds where the name says so; lengths in tokens. None: not known.
"""

from dataclasses import dataclass

from tokenlane_cli.tune.compare_values import Comparison
from tokenlane_cli.tune.engines import EngineAdvice


@dataclass(frozen=True, slots=True)
class Day:
    """A day in UTC, as 2026-11-21. `busiest_hour`: 0..23, the one with most requests."""

    date: str
    requests: int
    prompt_tokens: int
    output_tokens: int
    busiest_hour: int
    busiest_requests: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """One of prompt, output, total."""

    name: str
    mean: float
    p50: int
    p90: int
    p99: int
    longest: int


@dataclass(frozen=True, slots=True)
class RouteLine:
    """Output of one route. `coverage`: share of the requests with a budget that stayed within; `budget`: its mean."""

    tenant: str
    endpoint: str
    system: str
    tools: str
    requests: int
    limited: float
    p50: int
    p90: int
    p99: int
    coverage: float | None
    budget: float | None


@dataclass(frozen=True, slots=True)
class LaneLine:
    """A lane now. `too_long`: requests whose true length is above its boundary; `too_short`: those that a shorter lane
    was for; `moved`: outgrew another lane's engine and came here; `taken`: run by another lane's workers.
    `kv_use`: true lengths over budgets."""

    name: str
    up_to_tokens: int | None
    workers: int
    requests: int
    wait_p50_s: float | None
    wait_p99_s: float | None
    first_p50_s: float | None
    first_p99_s: float | None
    preemptions: int
    too_long: int
    too_short: int
    moved: int
    taken: int
    kv_use: float | None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the traffic was. `hours`: mean requests by hour of the day, UTC, from 0; `coverage` of all budgets;
    `routes_left`: routes that are not in `routes`, and `routes_folded` those that were too rare to keep apart."""

    model: str
    requests: int
    estimated: int
    limited: float
    from_ms: int
    to_ms: int
    days: tuple[Day, ...]
    hours: tuple[float, ...]
    lengths: tuple[Lengths, ...]
    coverage: float | None
    routes: tuple[RouteLine, ...]
    routes_left: int
    routes_folded: int
    lanes: tuple[LaneLine, ...]
    boundaries_from: str


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A boundary that was considered. Shares of the short lane, 0..1; `utilisation`: of the fuller lane's capacity.
    `short_ttft_s`: expected P99 of short requests' first token; None where a lane is overloaded."""

    boundary: int
    requests: float
    work: float
    utilisation: float
    short_ttft_s: float | None


@dataclass(frozen=True, slots=True)
class LaneAdvice:
    """A lane that should be. `replicas`: of as many workers as there are; `kv_overcommit` None: as it is."""

    name: str
    up_to_tokens: int | None
    requests: float
    replicas: int
    engine: EngineAdvice | None
    kv_overcommit: float | None
    kv_why: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What should be. One lane without a boundary: lanes do not pay. `new_engines`: the engines' settings are better
    than the present ones, or were not simulated."""

    lanes: tuple[LaneAdvice, ...]
    reason: str
    curve: tuple[CurvePoint, ...]
    new_engines: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """`skipped`: lines or events that could not be read. `advice` None: too little traffic to say anything.
    `comparison` None: not simulated, `notes` says why."""

    source: str
    skipped: int
    counted: Counted
    other_models: tuple[str, ...]
    engine: str
    advice: Advice | None
    comparison: Comparison | None
    verdict: tuple[str, ...]
    notes: tuple[str, ...]
