"""When what waits in a lane will start, and what is told to those for whom that is too late."""

import math
from dataclasses import dataclass

from tokenlane_classifier.line.backlog import Backlog, Spot
from tokenlane_classifier.line.drain import Drain
from tokenlane_classifier.line.returns import Returns
from tokenlane_classifier.line.slack import slack_of
from tokenlane_classifier.line.verdict import Refused
from tokenlane_classifier.line.waiting import Priority

# A request is refused when it would start after this multiple of its limit. Less than when it would be aged.
PATIENCE = 2.0
# Where what is here is served within this part of the patience, whoever comes is let in, whatever is promised: of those
# who were told to come again, some do not.
_SHALLOW = 0.5
# A line that is longer than was foreseen keeps its promises up to this multiple of the patience.
_OVERRUN = 2.0
# Longer waits are not promised: who would have to wait for longer is told a time after this, and before twice as long,
# so that they do not come together. Unit: seconds.
_LONGEST_S = 600.0
# Part by which a promise is put off at most.
_JITTER = 0.1


def patience_s(limit_s: float, prefill_s: float, deadline_s: float | None, now_s: float) -> float:
    """How late a request that comes now may start to be let in."""
    longest_s = max(0.0, limit_s * PATIENCE - prefill_s)
    return longest_s if deadline_s is None else max(0.0, min(longest_s, deadline_s - now_s))


@dataclass(frozen=True, slots=True)
class Coming:
    """A request that wants to wait. `key` is the same each time it is sent. It must start within `patience_s`."""

    key: str
    tenant: str
    priority: Priority
    work: float
    weight: float
    patience_s: float

    def stands_in(self, backlog: Backlog) -> Spot:
        """Where it would stand."""
        return backlog.spot(self.tenant, self.priority, self.work, self.weight)


class Outlook:
    """Of one model and lane. Work is in units of `Tariff`. Whoever is told to come again gets a place in the line, as
    if it waited, so that each is told another time, tenants share the times by weight, and who comes at its time is let
    in. Asking again before that changes nothing."""

    def __init__(self) -> None:
        self._here = Backlog()
        # What is here, and what is promised a place.
        self._all = Backlog()
        self._returns = Returns()
        self._drain = Drain()
        self._tenants: dict[str, Drain] = {}
        self._halted = False

    def promised(self, now_s: float) -> int:
        """How many are expected to come again."""
        self._lapse(now_s)
        return len(self._returns)

    def refuse(self, coming: Coming, now_s: float, jitter: float) -> Refused | None:
        """Why it is not let in; None if it is. `jitter`: chance, of at least 0 and below 1."""
        self._lapse(now_s)
        kept_s = self._kept_s(coming, now_s)
        if kept_s is not None:
            return _refused(kept_s) if kept_s else None
        spot = coming.stands_in(self._all)
        wait_s = self._wait_s(self._all, spot, now_s)
        everything_s = _time_s(self._here.work, self.rate(now_s))
        if wait_s <= coming.patience_s or everything_s <= coming.patience_s * _SHALLOW:
            return None
        # What is promised must hold when others come meanwhile.
        longest_s = max(wait_s, _time_s(self._all.at_most(spot), self.rate(now_s)))
        return _refused(self._booked_s(coming.key, spot, longest_s - coming.patience_s, now_s, jitter))

    def enter(self, tenant: str, priority: Priority, work: float, weight: float, now_s: float) -> Spot:
        """It waits."""
        spot = self._here.spot(tenant, priority, work, weight)
        for drain in self._drains(tenant):
            drain.enter(now_s)
        self._here.enter(spot)
        self._all.enter(spot)
        return spot

    def leave(self, spot: Spot, released: bool, now_s: float) -> None:
        """It does not wait any more: it was `released`, or ended."""
        for drain in self._drains(spot.tenant):
            drain.leave(spot.work if released else 0.0, now_s)
        self._here.leave(spot)
        self._all.leave(spot)

    def halt(self, halted: bool, now_s: float) -> None:
        """Nobody is there who could serve anything, or somebody is again."""
        if halted != self._halted:
            self._halted = halted
            for drain in (self._drain, *self._tenants.values()):
                drain.halt(halted, now_s)

    def wait_s(self, spot: Spot, now_s: float) -> float:
        """How long until what waits there starts. 0 while it is not known how fast that goes."""
        return self._wait_s(self._here, spot, now_s)

    def position(self, spot: Spot) -> int:
        """About how many requests go before it."""
        mean = self._here.mean
        return round(self._here.ahead(spot) / mean) if mean else 0

    def turn_s(self, tenant: str, now_s: float) -> float | None:
        """How long until a request of this tenant goes, if one waits. None if it is not known."""
        rate = self.rate_of(tenant, now_s)
        return self._here.mean / rate if rate else None

    def rate(self, now_s: float) -> float | None:
        """Work a second while something waits. None if it is not known."""
        return self._drain.rate(now_s)

    def slack(self, now_s: float) -> float | None:
        """By what is served and who waits. None if it is not known."""
        rate = self.rate(now_s)
        return slack_of(rate, self._here.weight) if rate else None

    def rate_of(self, tenant: str, now_s: float) -> float | None:
        """What a tenant gets of it while something of it waits."""
        return self._tenants[tenant].rate(now_s) if tenant in self._tenants else None

    def _lapse(self, now_s: float) -> None:
        for booking in self._returns.lapsed(now_s):
            self._all.leave(booking.spot)

    def _kept_s(self, coming: Coming, now_s: float) -> float | None:
        # How long until its time, 0 if it is let in. None if it has none.
        booking = self._returns.get(coming.key)
        if booking is None:
            return None
        if not booking.is_due(now_s):
            return booking.told_s - now_s
        self._all.leave(self._returns.take(coming.key).spot)
        here_s = self._wait_s(self._here, coming.stands_in(self._here), now_s)
        return 0.0 if here_s <= coming.patience_s * _OVERRUN else None

    def _booked_s(self, key: str, spot: Spot, delay_s: float, now_s: float, jitter: float) -> float:
        if delay_s > _LONGEST_S:
            return _LONGEST_S * (1 + jitter)
        told_s = delay_s * (1 + _JITTER * jitter)
        if not self._returns.full:
            self._returns.book(key, spot, now_s + told_s)
            self._all.enter(spot)
        return told_s

    def _wait_s(self, backlog: Backlog, spot: Spot, now_s: float) -> float:
        # By what waits now; or longer, if others come meanwhile: by what the tenant got of late, but no longer than if
        # all the others went on to wait.
        rate = self.rate(now_s)
        of_late_s = _time_s(backlog.before(spot), self.rate_of(spot.tenant, now_s))
        return max(_time_s(backlog.ahead(spot), rate), min(of_late_s, _time_s(backlog.at_most(spot), rate)))

    def _drains(self, tenant: str) -> tuple[Drain, Drain]:
        if tenant not in self._tenants:
            self._tenants[tenant] = Drain(halted=self._halted)
        return self._drain, self._tenants[tenant]


def _time_s(work: float, rate: float | None) -> float:
    if not work or rate is None:
        return 0.0
    return work / rate


def _refused(delay_s: float) -> Refused:
    message = "the request cannot start in time: too much waits already"
    return Refused(503, "overloaded", message, max(1, math.ceil(delay_s * 1_000)))
