"""The order of a line by looking at everything each time."""

from collections.abc import Container

from tokenlane_classifier.line.bands import EQUALS
from tokenlane_classifier.line.order import TARIFF, rank_s
from tokenlane_classifier.line.waiting import Place, Priority, Waiting

CREDIT = 2
Key = tuple[Priority, Place]


class Reference:
    """Does what `Line` does, in as many steps as it likes."""

    def __init__(self, slack: float) -> None:
        self.slack, self.width = slack, slack / EQUALS
        self.waiting: dict[int, Waiting] = {}
        self.parked: set[str] = set()
        self.weights: dict[str, float] = {}
        self.levels: dict[tuple[Key, str], float] = {}
        self.reached: dict[Key, float] = {}
        self.offsets: dict[Key, float] = {}
        self.tier_reached: dict[Priority, float] = {}

    def add(self, one: Waiting) -> None:
        key = (one.priority, one.place)
        if not self.of(key, one.tenant):
            self.lift(key, one.tenant)
        self.waiting[one.seq] = one

    def remove(self, seq: int) -> Waiting | None:
        return self.waiting.pop(seq, None)

    def next(self, now_s: float, room: Container[Place], idle: Container[Place]) -> Waiting | None:
        for priority in Priority:
            open_places = idle if priority is Priority.BATCH else room
            places = {one.place for one in self.waiting.values() if one.priority is priority}
            named = [self.turn((priority, place), now_s) for place in places if place in open_places]
            able = [one for one in named if one is not None]
            if able:
                least = min(self.standing(one) for one in able)
                return self.most_urgent([one for one in able if self.standing(one) <= least + self.slack], now_s)
        return None

    def release(self, seq: int) -> Waiting:
        one = self.waiting.pop(seq)
        key = (one.priority, one.place)
        self.reached[key] = max(self.reached.get(key, 0.0), self.levels[key, one.tenant])
        standing = self.standing(one)
        self.offsets[key] = standing - self.levels[key, one.tenant]
        self.tier_reached[one.priority] = max(self.tier_reached.get(one.priority, 0.0), standing)
        self.charge(one, TARIFF.of(one))
        return one

    def settle(self, one: Waiting, prompt: int, output: int) -> None:
        self.charge(one, TARIFF.cost(prompt, output) - TARIFF.of(one))

    def unpark(self, tenant: str) -> None:
        if tenant in self.parked:
            self.parked.discard(tenant)
            for key in {(one.priority, one.place) for one in self.waiting.values() if one.tenant == tenant}:
                self.lift(key, tenant)

    def turn(self, key: Key, now_s: float) -> Waiting | None:
        able = [one for one in self.waiting.values() if (one.priority, one.place) == key]
        able = [one for one in able if one.tenant not in self.parked]
        if not able:
            return None
        lowest = min(self.band(key, one.tenant) for one in able)
        return self.most_urgent([one for one in able if self.band(key, one.tenant) <= lowest + EQUALS], now_s)

    def most_urgent(self, among: list[Waiting], now_s: float) -> Waiting:
        return min(among, key=lambda one: (rank_s(one, now_s), one.seq))

    def band(self, key: Key, tenant: str) -> int:
        return int(self.levels[key, tenant] // self.width)

    def of(self, key: Key, tenant: str) -> list[Waiting]:
        return [one for one in self.waiting.values() if (one.priority, one.place, one.tenant) == (*key, tenant)]

    def lift(self, key: Key, tenant: str) -> None:
        self.levels[key, tenant] = max(self.levels.get((key, tenant), self.start(key)), self.start(key))

    def start(self, key: Key) -> float:
        return self.reached.get(key, 0.0) - self.slack * (EQUALS + 1) / EQUALS

    def standing(self, one: Waiting) -> float:
        key = (one.priority, one.place)
        level = self.levels[key, one.tenant] + self.offsets.get(key, 0.0)
        return max(level, self.tier_reached.get(one.priority, 0.0) - CREDIT * self.slack)

    def charge(self, one: Waiting, cost: float) -> None:
        amount, key = cost / self.weights.get(one.tenant, 1.0), (one.priority, one.place)
        self.levels[key, one.tenant] = self.levels.get((key, one.tenant), self.start(key)) + amount
