"""How much of what is here is whose, and who has far more than the others."""

from collections.abc import Hashable

# Who has this many times as much as the others on average is ahead of them. Less: who happens to have a few requests
# more stands back; more: a flood is seen later.
_TIMES = 4.0


class Presence:
    """Of one place: what waits there, is on its way or runs, by tenant. An amount is work over the tenant's weight, so
    that none is ahead where all have as much as their weights."""

    def __init__(self) -> None:
        self._here: dict[Hashable, tuple[str, float]] = {}
        self._counts: dict[str, int] = {}
        self._amounts: dict[str, float] = {}
        self._total = 0.0

    def enter(self, key: Hashable, tenant: str, amount: float) -> None:
        """A request came. One that is here is not counted again."""
        if key in self._here:
            return
        self._here[key] = (tenant, amount)
        self._counts[tenant] = self._counts.get(tenant, 0) + 1
        self._amounts[tenant] = self._amounts.get(tenant, 0.0) + amount
        self._total += amount

    def leave(self, key: Hashable) -> None:
        """It ended, or was lost sight of. Nothing, if it is not here."""
        tenant, amount = self._here.pop(key, ("", 0.0))
        if not tenant:
            return
        self._counts[tenant] -= 1
        self._amounts[tenant] -= amount
        self._total -= amount
        if not self._counts[tenant]:
            del self._counts[tenant]
            self._total -= self._amounts.pop(tenant)

    def is_ahead(self, tenant: str) -> bool:
        """Whether it has far more than those others that have anything. Never, where it is alone."""
        own, others = self._amounts.get(tenant, 0.0), len(self._amounts) - 1
        return others > 0 and own * others > _TIMES * (self._total - own)
