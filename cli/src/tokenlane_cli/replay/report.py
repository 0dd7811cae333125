"""What a replay showed, by lane and in total. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tokenlane_cli.figures import percentile
from tokenlane_cli.replay.client import Outcome

TOTAL = "total"
# Requests that failed before a lane was known.
NO_LANE = "no lane"


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 99th percentile in seconds; None without a single value."""

    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class LaneReport:
    """One column of the table. Tokens and times are of the requests that succeeded; `failures` counts by reason."""

    lane: str
    requests: int
    ttft: Spread
    tpot: Spread
    e2e: Spread
    queue: Spread
    prompt_tokens: int
    output_tokens: int
    preemptions: int | None
    failures: dict[str, int]


def reports(outcomes: Sequence[Outcome], preemptions: Mapping[str, int]) -> list[LaneReport]:
    """A report for each lane in order of first use, then the total."""
    lanes = dict.fromkeys(outcome.lane for outcome in outcomes if outcome.lane)
    found = [_report(lane, [o for o in outcomes if o.lane == lane], preemptions.get(lane)) for lane in lanes]
    lost = [outcome for outcome in outcomes if not outcome.lane]
    if lost:
        found.append(_report(NO_LANE, lost, None))
    return [*found, _report(TOTAL, outcomes, sum(preemptions.values()) if preemptions else None)]


def as_json(metadata: Mapping[str, Any], lanes: Sequence[LaneReport], outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything: what was run, the reports, one row a request."""
    return {
        "metadata": dict(metadata),
        "lanes": {report.lane: asdict(report) for report in lanes},
        "requests": [asdict(outcome) for outcome in outcomes],
    }


def _report(lane: str, outcomes: Sequence[Outcome], preemptions: int | None) -> LaneReport:
    done = [outcome for outcome in outcomes if not outcome.error]
    return LaneReport(
        lane=lane,
        requests=len(outcomes),
        ttft=_spread([o.ttft_s for o in done]),
        tpot=_spread([o.tpot_s for o in done]),
        e2e=_spread([o.e2e_s for o in done]),
        queue=_spread([o.queue_s for o in done]),
        prompt_tokens=sum(o.prompt_tokens or 0 for o in done),
        output_tokens=sum(o.output_tokens or 0 for o in done),
        preemptions=preemptions,
        failures=dict(Counter(outcome.error for outcome in outcomes if outcome.error).most_common()),
    )


def _spread(values: Sequence[float | None]) -> Spread:
    known = [value for value in values if value is not None]
    return Spread(percentile(known, 50), percentile(known, 99))
