"""What a run found, as figures and as text."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.chaos.answers import Said
from tests.chaos.audit import Audit
from tests.chaos.kills import Kill
from tests.chaos.seen import Seen

_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of clients, in seconds."""

    p50_s: float
    p99_s: float
    worst_s: float
    first_p50_s: float
    first_p99_s: float
    longest_stall_s: float


@dataclass(frozen=True, slots=True)
class Slow:
    """A request that took long. Times in seconds; `stalled_at_s` since the kills began."""

    number: int
    seconds: float
    stall_s: float
    stalled_at_s: float
    tries: int
    resumed: int


@dataclass(slots=True)
class Report:
    """A run. `lost`: no answer or no terminal result. `doubled`: results overwritten, or events shown twice or left
    out. `differing`: answers that are not the undisturbed ones, at the client or stored."""

    title: str
    seconds: float
    requests: int
    kills: dict[str, int]
    results: int
    outcomes: dict[str, int]
    lost: list[str]
    doubled: list[str]
    differing: list[str]
    left: dict[str, int]
    progress: int
    gave_way: int
    crashes: dict[str, list[int]]
    resumed: int
    tried_again: int
    longest_silence_s: float
    disturbed: Latency
    undisturbed: Latency | None
    kill_log: list[Kill] = field(default_factory=list)
    slowest: list[Slow] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        broken = self.lost or self.doubled or self.differing or self.left
        return not broken and self.results == self.requests == self.outcomes.get("completed", 0)

    def to_json(self) -> str:
        """All of it."""
        return json.dumps({"kept": self.kept, **asdict(self)}, indent=2)

    def text(self) -> str:
        """For people."""
        kills = ", ".join(f"{role} {count}" for role, count in self.kills.items())
        lines = [
            f"{self.title}: {'kept' if self.kept else 'BROKEN'}",
            f"  {self.requests} requests in {self.seconds:.0f} s; {sum(self.kills.values())} kills ({kills})",
            f"  terminal results {self.results} {self.outcomes}",
            f"  lost {len(self.lost)}, doubled {len(self.doubled)}, differing {len(self.differing)}, "
            f"left in queues {self.left or 'nothing'}",
            f"  resumed {self.resumed}, tried again {self.tried_again}, crashes {self.crashes or 'none'}",
            f"  disturbed    {_line(self.disturbed)}",
        ]
        if self.undisturbed is not None:
            lines.append(f"  undisturbed  {_line(self.undisturbed)}")
        if self.gave_way:
            lines.append(f"  refused for a while, and served when they came again: {self.gave_way}")
        lines.append(f"  longest time without any answer {self.longest_silence_s:.1f} s")
        if self.progress:
            lines.append(f"  checkpoints whose purge a killed broker forgot: {self.progress} (they expire)")
        for name in ("lost", "doubled", "differing"):
            lines += [f"    {name}: {what[:400]}" for what in getattr(self, name)[:_SHOWN]]
        return "\n".join(lines)


def _line(latency: Latency) -> str:
    return (
        f"P50 {latency.p50_s:.2f} s, P99 {latency.p99_s:.2f} s, worst {latency.worst_s:.1f} s; "
        f"first byte P50 {latency.first_p50_s:.2f} s, P99 {latency.first_p99_s:.2f} s; "
        f"longest stall {latency.longest_stall_s:.1f} s"
    )


def latency(seen: Sequence[Seen]) -> Latency:
    """Figures of the clients that got an answer. At least two must have."""
    answered = [one for one in seen if one.said is not None]
    whole = statistics.quantiles((one.seconds for one in answered), n=100)
    first = statistics.quantiles((one.first for one in answered), n=100)
    return Latency(
        whole[49],
        whole[98],
        max(one.seconds for one in answered),
        first[49],
        first[98],
        max(one.stall for one in answered),
    )


def compared(seen: Sequence[Seen], expected: Mapping[int, Said]) -> list[str]:
    """Answers that differ from the expected ones."""
    return [
        f"{one.number}: {one.said} instead of {expected[one.number]}"
        for one in seen
        if one.said is not None and one.said != expected[one.number]
    ]


def make_report(
    title: str,
    began: float,
    seen: Sequence[Seen],
    expected: Mapping[int, Said],
    found: Audit,
    **more: Any,
) -> Report:
    """Put together what the clients and the broker have seen. `began`: when the kills did, on the monotonic clock."""
    numbers = Counter(one.number for one in seen)
    doubled = [f"{one.number}: {fault}" for one in seen for fault in one.faults]
    doubled += [f"{count} results were overwritten" for count in [found.overwritten] if count]
    doubled += [f"result of an unknown request: {request_id}" for request_id in found.unknown]
    lost = [f"{one.number}: {one.error}" for one in seen if one.said is None]
    lost += [f"no terminal result: {request_id}" for request_id in found.missing]
    return Report(
        title=title,
        seconds=time.monotonic() - began,
        requests=len(numbers),
        results=found.results,
        outcomes=found.outcomes,
        lost=lost,
        doubled=doubled,
        differing=compared(seen, expected) + [f"stored: {what}" for what in found.differing],
        left=found.left,
        progress=found.progress,
        gave_way=found.gave_way,
        resumed=sum(one.resumed for one in seen),
        tried_again=sum(one.tries > 1 for one in seen),
        disturbed=latency(seen),
        slowest=_slowest(seen, began),
        **more,
    )


def _slowest(seen: Sequence[Seen], began: float) -> list[Slow]:
    worst = sorted(seen, key=lambda one: -one.seconds)[:_SHOWN]
    return [Slow(one.number, one.seconds, one.stall, one.stalled_at - began, one.tries, one.resumed) for one in worst]
