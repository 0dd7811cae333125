"""What waits, as work ahead of a request."""

from dataclasses import dataclass

from tokenlane_classifier.line.share import Share
from tokenlane_classifier.line.waiting import Priority


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a request stands: `mark` is the work that its tenant entered before it, in units of `Tariff`."""

    tenant: str
    priority: Priority
    work: float
    weight: float
    mark: float


class Backlog:
    """What waits by priority and tenant. Within a tenant, requests are taken to go as they came."""

    def __init__(self) -> None:
        self._shares = {priority: Share() for priority in Priority}
        self._left: dict[tuple[Priority, str], float] = {}
        self.requests = 0

    @property
    def work(self) -> float:
        """All that waits."""
        return sum(share.work for share in self._shares.values())

    @property
    def weight(self) -> float:
        """Of the tenants that wait, once for each priority."""
        return sum(share.weight for share in self._shares.values())

    @property
    def mean(self) -> float:
        """Work of a request."""
        return self.work / self.requests if self.requests else 0.0

    def spot(self, tenant: str, priority: Priority, work: float, weight: float) -> Spot:
        """Where a request that came now would stand."""
        own = self._shares[priority].own(tenant)
        return Spot(tenant, priority, work, weight, self._left.get((priority, tenant), 0.0) + own)

    def enter(self, spot: Spot) -> None:
        """It waits."""
        self._shares[spot.priority].change(spot.tenant, spot.work, spot.weight)
        self.requests += 1

    def leave(self, spot: Spot) -> None:
        """It does not wait any more."""
        share, key = self._shares[spot.priority], (spot.priority, spot.tenant)
        share.change(spot.tenant, -spot.work, spot.weight)
        self.requests -= 1
        if share.own(spot.tenant):
            self._left[key] = self._left.get(key, 0.0) + spot.work
        else:
            self._left.pop(key, None)

    def before(self, spot: Spot) -> float:
        """Work that its tenant entered before it, and that still waits."""
        return max(0.0, spot.mark - self._left.get((spot.priority, spot.tenant), 0.0))

    def ahead(self, spot: Spot) -> float:
        """Work that goes before it: all of higher priority, its tenant's before it, and of the others' what they are
        served until then. The order by urgency among equals is left out."""
        own, share = self.before(spot), self._shares[spot.priority]
        served = share.until((own + spot.work) / spot.weight)
        behind = max(0.0, min(share.own(spot.tenant) - own, spot.work))
        return self._higher(spot) + max(own, served - behind)

    def at_most(self, spot: Spot) -> float:
        """Work that goes before it if all the others that wait go on to."""
        own, share = self.before(spot), self._shares[spot.priority]
        others = share.weight - (spot.weight if share.own(spot.tenant) else 0.0)
        return self._higher(spot) + own + max(0.0, others) * (own + spot.work) / spot.weight

    def _higher(self, spot: Spot) -> float:
        return sum(share.work for priority, share in self._shares.items() if priority < spot.priority)
