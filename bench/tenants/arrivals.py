"""When requests come."""

import heapq
import random
from collections.abc import Iterator, Mapping


def poisson(rates: Mapping[str, float], seconds: float) -> Iterator[tuple[float, str]]:
    """Arrivals at so many requests a second of each tenant, in order. A tenant's are the same whatever the others'."""
    return heapq.merge(*(_of(tenant, rate, seconds) for tenant, rate in rates.items()))


def _of(tenant: str, rate: float, seconds: float) -> Iterator[tuple[float, str]]:
    chance, at_s = random.Random(f"arrivals of {tenant}"), 0.0
    while (at_s := at_s + chance.expovariate(rate)) < seconds:
        yield at_s, tenant
