"""What the queue's goodput must reach, and whether it does. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

Rates = Mapping[str, float]
"""Requests a second of a replica, by policy."""


@dataclass(frozen=True, slots=True)
class Bar:
    """`value` of `what` must be at least (or, with `most`, at most) `bound`."""

    what: str
    value: float
    bound: float
    most: bool = False

    @property
    def is_kept(self) -> bool:
        return self.value <= self.bound if self.most else self.value >= self.bound

    def row(self) -> list[str]:
        """What, value, bound, verdict."""
        sign = "at most" if self.most else "at least"
        return [self.what, f"{self.value:.3g}x", f"{sign} {self.bound:g}x", "kept" if self.is_kept else "**missed**"]


def of_goodput(found: Mapping[str, Rates]) -> list[Bar]:
    """By kind of traffic; of each kind that is there."""
    wanted = (
        ("mix", "one-push", 1.15),
        ("mix", "defaults", 4.0),
        ("bursts", "one-push", 1.6),
        ("uniform", "one-push", 0.99),
        ("chat", "one-push", 0.99),
    )
    names = {"one-push": "tuned pool behind a work-aware router", "defaults": "vLLM's defaults behind a shortest queue"}
    return [
        Bar(f"{kind}: by turns against {names[other]}", ratio(found[kind]["by-turns"], found[kind][other]), bound)
        for kind, other, bound in wanted
        if kind in found
    ]


def of_limits(found: Rates) -> Bar:
    """Of different limits by class."""
    return Bar("mix, 40 / 150 ms a token: against the tuned pool", ratio(found["by-turns"], found["one-push"]), 1.3)


def of_overload(short_p99: float, longest: float) -> list[Bar]:
    """Both over the tuned pool's, of the worst draw."""
    return [
        Bar("overload: short P99 to the first token, of the tuned pool's", short_p99, 1 / 3, True),
        Bar("overload: longest wait of a long request, of the tuned pool's", longest, 2.0, True),
    ]


def ratio(value: float, base: float) -> float:
    """Infinity against nothing."""
    return value / base if base else float("inf")
