"""What waits in one place, of one priority."""

from collections.abc import Collection, Container, Iterator, Mapping

from tokenlane_classifier.line.alike import Alike
from tokenlane_classifier.line.bands import EQUALS, Bands, Head
from tokenlane_classifier.line.order import aged_s, rank_s
from tokenlane_classifier.line.ranked import Ranked
from tokenlane_classifier.line.waiting import Waiting
from tokenlane_proto.prefixes import Prefix


class Queue:
    """A virtual token counter for each tenant (Sheng et al., OSDI 2024): its level, which is what it was served here
    over its weight. Those within `slack` of the lowest that waits are equals, and of them the most urgent request is
    first. Who comes back from idle is lifted to just below those that could be its equals: it does not stand behind
    what others have waiting, and saves up no more than that. So levels of those that wait differ by no more than a
    slack, a band and a request, whatever the load, but for what is settled. `parked` tenants wait without being
    considered."""

    def __init__(self, slack: float, parked: Container[str]) -> None:
        self._parked = parked
        self._waiting: dict[int, Waiting] = {}
        self._own: dict[str, Ranked[int, float]] = {}
        self._on_time: Ranked[int, float] = Ranked()
        self._alike = Alike()
        self._levels: dict[str, float] = {}
        self._slack, self._bands, self._credit = slack, Bands(slack), slack * (EQUALS + 1) / EQUALS
        # The highest level from which a request was served.
        self._reached = 0.0

    def __contains__(self, tenant: str) -> bool:
        return tenant in self._own

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting.values())

    def add(self, waiting: Waiting) -> None:
        """It came."""
        if waiting.tenant not in self._own:
            self._own[waiting.tenant] = Ranked()
            self._lift(waiting.tenant)
        self._waiting[waiting.seq] = waiting
        self._own[waiting.tenant].put(waiting.seq, waiting.due_s)
        self._on_time.put(waiting.seq, waiting.start_s)
        self._alike.put(waiting, waiting.due_s)
        self.place(waiting.tenant)

    def remove(self, seq: int) -> None:
        """It left, whatever for."""
        waiting = self._waiting.pop(seq)
        tenant = waiting.tenant
        self._alike.discard(waiting)
        self._on_time.discard(seq)
        self._own[tenant].discard(seq)
        if not self._own[tenant]:
            del self._own[tenant]
        self.place(tenant)

    def release(self, seq: int, amount: float) -> None:
        """It goes, for this much over its tenant's weight."""
        tenant = self._waiting[seq].tenant
        self._reached = max(self._reached, self._levels[tenant])
        self._levels[tenant] += amount
        self.remove(seq)

    def first(self, now_s: float) -> tuple[Head, Waiting] | None:
        """Whose turn it is, and how urgent that is."""
        self._grow_late(now_s)
        found = self._bands.first()
        return None if found is None else (found[0], self._waiting[found[0][1]])

    def alike(self, first: Waiting, held: Collection[Prefix], now_s: float) -> Waiting | None:
        """What goes instead of the one whose turn it is, as its prompt begins as one of these: the most urgent of those
        that are equals. None: nothing does."""
        if not self._alike or first.prefix in held:
            return None
        most = self.level(first.tenant) + self._slack
        waits = (self._waiting[seq] for seq in self._alike.firsts(held))
        equals = (one for one in waits if one.tenant not in self._parked and self.level(one.tenant) <= most)
        found = min(equals, key=lambda one: (rank_s(one, now_s), one.seq), default=None)
        return found if found is not None and self._alike.passes(first, now_s) else None

    def charge(self, tenant: str, amount: float) -> None:
        """It was served this much over its weight, or less if negative."""
        self._levels[tenant] = self.level(tenant) + amount
        self.place(tenant)

    def level(self, tenant: str) -> float:
        """What it was served over its weight, and was lifted."""
        return self._levels.get(tenant, self._start)

    def is_behind(self, tenant: str, other: str) -> bool:
        """Whether it was served so much less that the two are no equals."""
        return self.level(tenant) + self._slack < self.level(other)

    def place(self, tenant: str) -> None:
        """Consider it as it is now."""
        own = self._own.get(tenant)
        head = None if own is None or tenant in self._parked else own.first()
        if head is None:
            self._bands.discard(tenant)
        else:
            self._bands.put(tenant, self._levels[tenant], head)

    def unpark(self, tenant: str) -> None:
        """It is considered again, as one that comes back from idle."""
        if tenant in self._own:
            self._lift(tenant)
            self.place(tenant)

    def slacken(self, slack: float) -> None:
        """From now on this is the slack. Who waits has saved up no more than that allows."""
        self._slack, self._bands, self._credit = slack, Bands(slack), slack * (EQUALS + 1) / EQUALS
        for tenant in self._own:
            self._lift(tenant)
            self.place(tenant)

    def ahead(self) -> dict[str, float]:
        """By how much tenants are above where newcomers start. The others need not be remembered."""
        start = self._start
        return {tenant: level - start for tenant, level in self._levels.items() if level > start}

    def restore(self, ahead: Mapping[str, float]) -> None:
        """The inverse of `ahead`, before anything waits."""
        self._levels.update((tenant, self._start + amount) for tenant, amount in ahead.items())

    @property
    def _start(self) -> float:
        return self._reached - self._credit

    def _lift(self, tenant: str) -> None:
        self._levels[tenant] = max(self.level(tenant), self._start)

    def _grow_late(self, now_s: float) -> None:
        while (found := self._on_time.first()) is not None and found[0] < now_s:
            waiting = self._waiting[found[1]]
            self._on_time.discard(waiting.seq)
            self._own[waiting.tenant].put(waiting.seq, aged_s(waiting))
            self._alike.put(waiting, aged_s(waiting))
            self.place(waiting.tenant)
