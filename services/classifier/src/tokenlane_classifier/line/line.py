"""The order in which requests go to the engines of a model."""

from collections.abc import Callable, Collection, Container, Mapping

from tokenlane_classifier.line.order import TARIFF, Tariff
from tokenlane_classifier.line.ranked import Ranked
from tokenlane_classifier.line.tier import Tier
from tokenlane_classifier.line.waiting import Place, Priority, Waiting
from tokenlane_proto.prefixes import Prefix


class Line:
    """All that waits for one model. A higher priority goes first, without bound; among one priority tenants share by
    weight, and equals by urgency (`Queue`, `order`). `next` asks and `release` acts; each takes O(log n) steps. The
    slack should be work for less than a fifth of a second of all engines, as it can delay whoever is served little by
    so much, and where many share less than that (`slack_of`): the less, the more even, and the less to choose from."""

    def __init__(self, slack_tokens: float = 8_192.0, tariff: Tariff = TARIFF) -> None:
        if slack_tokens <= 0:
            raise ValueError("slack_tokens must be above 0")
        self._tariff = tariff
        self._parked: set[str] = set()
        self._weights: dict[str, float] = {}
        self._waiting: dict[int, Waiting] = {}
        self._deadlines: Ranked[int, float] = Ranked()
        self._tiers = {priority: Tier(slack_tokens, self._parked) for priority in Priority}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, seq: int) -> bool:
        return seq in self._waiting

    def get(self, seq: int) -> Waiting | None:
        """What waits under that number."""
        return self._waiting.get(seq)

    @property
    def tiers(self) -> Mapping[Priority, Tier]:
        """The most urgent first."""
        return self._tiers

    def add(self, waiting: Waiting) -> None:
        """It came. What is here is not added again."""
        if waiting.seq in self._waiting:
            return
        self._waiting[waiting.seq] = waiting
        if waiting.deadline_s is not None:
            self._deadlines.put(waiting.seq, waiting.deadline_s)
        self._tiers[waiting.priority].queue(waiting.place).add(waiting)

    def remove(self, seq: int) -> Waiting | None:
        """It does not wait any more, and was not served."""
        waiting = self._forget(seq)
        if waiting is not None:
            self._tiers[waiting.priority].queues[waiting.place].remove(seq)
        return waiting

    def next(self, now_s: float, room: Container[Place], idle: Container[Place] = ()) -> Waiting | None:
        """What goes next where there is `room`; BATCH only where there is `idle` room. None if nothing can. It stays
        until it is released or removed."""
        for priority, tier in self._tiers.items():
            found = tier.first(now_s, idle if priority is Priority.BATCH else room)
            if found is not None:
                return found
        return None

    def release(self, seq: int) -> Waiting:
        """It goes: its tenant is charged the budget. Raises KeyError if it does not wait."""
        waiting = self._waiting[seq]
        self._forget(seq)
        self._tiers[waiting.priority].release(waiting, self._amount(waiting.tenant, self._tariff.of(waiting)))
        return waiting

    def settle(self, waiting: Waiting, prompt_tokens: int, output_tokens: int) -> None:
        """What was released ended, and took this much instead of its budget. Nothing, if it did not start."""
        more = self._tariff.cost(prompt_tokens, output_tokens) - self._tariff.of(waiting)
        self._tiers[waiting.priority].queue(waiting.place).charge(waiting.tenant, self._amount(waiting.tenant, more))

    def expired(self, now_s: float) -> list[Waiting]:
        """Remove and return what passed its deadline. `next` does not look at deadlines."""
        found = []
        while (first := self._deadlines.first()) is not None and first[0] <= now_s:
            waiting = self.remove(first[1])
            assert waiting is not None
            found.append(waiting)
        return found

    def weigh(self, tenant: str, weight: float) -> None:
        """From now on its share is this, of 1 for those not weighed. Raises ValueError if not above 0."""
        if weight <= 0:
            raise ValueError("a weight must be above 0")
        self._weights[tenant] = weight

    def slacken(self, lane: str, slack_tokens: float) -> None:
        """From now on this is the slack of what waits in a lane. Raises ValueError if not above 0."""
        if slack_tokens <= 0:
            raise ValueError("a slack must be above 0")
        for tier in self._tiers.values():
            tier.slacken(lane, slack_tokens)

    def park(self, tenant: str) -> None:
        """It waits without being considered, as its requests in flight are as many as it may have."""
        self._consider(tenant, self._parked.add)

    def unpark(self, tenant: str) -> None:
        """It is considered again."""
        if tenant in self._parked:
            self._parked.discard(tenant)
            for tier in self._tiers.values():
                for queue in tier.queues.values():
                    queue.unpark(tenant)

    def is_behind(self, waiting: Waiting, other: Waiting) -> bool:
        """Of two that wait in one place: whether it goes before the other, however urgent that is."""
        if waiting.priority is not other.priority:
            return waiting.priority < other.priority
        return self._tiers[waiting.priority].queue(waiting.place).is_behind(waiting.tenant, other.tenant)

    def alike(self, first: Waiting, held: Collection[Prefix], now_s: float) -> Waiting | None:
        """What goes instead of the one whose turn it is, as its prompt begins as one of these. None: nothing does."""
        return self._tiers[first.priority].queue(first.place).alike(first, held, now_s)

    def look_past(self, tenant: str) -> None:
        """It is not considered until `look_at`, and nothing else changes."""
        self._consider(tenant, self._parked.add)

    def look_at(self, tenant: str) -> None:
        """It is considered as before."""
        self._consider(tenant, self._parked.discard)

    def _consider(self, tenant: str, change: Callable[[str], None]) -> None:
        change(tenant)
        for tier in self._tiers.values():
            for queue in tier.queues.values():
                queue.place(tenant)

    def _forget(self, seq: int) -> Waiting | None:
        self._deadlines.discard(seq)
        return self._waiting.pop(seq, None)

    def _amount(self, tenant: str, cost: float) -> float:
        return cost / self._weights.get(tenant, 1.0)
