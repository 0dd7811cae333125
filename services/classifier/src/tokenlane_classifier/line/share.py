"""How much of what waits goes before a request when tenants share by weight."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

# Bins of what waits over weight in an octave. The work ahead is over-estimated by less than one bin's width: 19 %.
_BINS = 4


@dataclass(slots=True)
class _Bin:
    tenants: int = 0
    work: float = 0.0
    weight: float = 0.0


class Share:
    """What tenants wait with, and the weight of those that do. Until a tenant is served w over its weight, each other
    is served as much over its own, or all it waits with. Summed over bins of like tenants: as many steps for ten
    thousand as for a hundred."""

    def __init__(self) -> None:
        self._tenants: dict[str, tuple[float, float]] = {}
        self._bins: dict[int, _Bin] = {}
        self.work = self.weight = 0.0

    def own(self, tenant: str) -> float:
        """What it waits with."""
        return self._tenants.get(tenant, (0.0, 1.0))[0]

    def change(self, tenant: str, work: float, weight: float) -> None:
        """It waits with so much more, or less."""
        own, before = self._tenants.pop(tenant, (0.0, weight))
        if own > 0:
            self._count(own, before, -1)
        # Rounding must not leave a tenant that waits with nothing.
        left = own + work if own + work > 1e-6 else 0.0
        self.work = max(0.0, self.work + left - own)
        if left:
            self._tenants[tenant] = (left, weight)
            self._count(left, weight, +1)

    def until(self, level: float) -> float:
        """Work that is served until every tenant is served `level` over its weight."""
        return math.fsum(self._parts(level))

    def _parts(self, level: float) -> Iterator[float]:
        for each in self._bins.values():
            yield min(each.work, level * each.weight)

    def _count(self, work: float, weight: float, sign: int) -> None:
        number = math.floor(math.log2(work / weight) * _BINS)
        found = self._bins.setdefault(number, _Bin())
        found.tenants += sign
        found.work += sign * work
        found.weight += sign * weight
        self.weight = max(0.0, self.weight + sign * weight)
        if not found.tenants:
            del self._bins[number]
