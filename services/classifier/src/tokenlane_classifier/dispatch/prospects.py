"""When what waits will start, by model and lane. Pure."""

import math
from collections import Counter, defaultdict

from tokenlane_classifier.line.backlog import Spot
from tokenlane_classifier.line.order import Tariff
from tokenlane_classifier.line.outlook import Coming, Outlook, patience_s
from tokenlane_classifier.line.verdict import Refused
from tokenlane_classifier.line.waiting import Waiting

# Model and lane.
_Where = tuple[str, str]


class Prospects:
    """Told of all that comes to wait and leaves. Waiting requests are named by their number in line."""

    def __init__(self, tariff: Tariff) -> None:
        self._tariff = tariff
        self._outlooks: defaultdict[_Where, Outlook] = defaultdict(Outlook)
        self._spots: dict[int, Spot] = {}

    def refuse(
        self, waiting: Waiting, is_asked: bool, weight: float, key: str, now_s: float, jitter: float
    ) -> Refused | None:
        """Why it is not let in, None if it is: for a deadline that would pass, or a time to first token that would be
        missed by far, where somebody asked for it (`is_asked`). `key`: the same each time it is sent."""
        coming = Coming(
            key,
            waiting.tenant,
            waiting.priority,
            self._tariff.of(waiting),
            weight,
            patience_s(waiting.limit_s if is_asked else math.inf, waiting.prefill_s, waiting.deadline_s, now_s),
        )
        return self._outlook(waiting).refuse(coming, now_s, jitter)

    def enter(self, waiting: Waiting, weight: float, now_s: float) -> None:
        """It waits."""
        work = self._tariff.of(waiting)
        spot = self._outlook(waiting).enter(waiting.tenant, waiting.priority, work, weight, now_s)
        self._spots[waiting.seq] = spot

    def leave(self, waiting: Waiting, released: bool, now_s: float) -> None:
        """It does not wait any more: it was `released`, or ended."""
        spot = self._spots.pop(waiting.seq, None)
        if spot is not None:
            self._outlook(waiting).leave(spot, released, now_s)

    def halt(self, model: str, halted: bool, now_s: float) -> None:
        """No worker of a model is there, or one is again."""
        for (each, _), outlook in self._outlooks.items():
            if each == model:
                outlook.halt(halted, now_s)

    def told(self, waiting: Waiting, now_s: float) -> tuple[int, float]:
        """About how many go before what waits, and in how many seconds it starts."""
        spot, outlook = self._spots[waiting.seq], self._outlook(waiting)
        return outlook.position(spot), outlook.wait_s(spot, now_s)

    def returning(self, now_s: float) -> Counter[str]:
        """How many of each model were told when to come again, and have not."""
        found: Counter[str] = Counter()
        for (model, _), outlook in self._outlooks.items():
            found[model] += outlook.promised(now_s)
        return found

    def slacks(self, now_s: float) -> list[tuple[str, str, float]]:
        """Model, lane and slack, where it is known."""
        found = ((model, lane, outlook.slack(now_s)) for (model, lane), outlook in self._outlooks.items())
        return [(model, lane, slack) for model, lane, slack in found if slack is not None]

    def turn_s(self, waiting: Waiting, now_s: float) -> float:
        """How long until one of its tenant's requests goes; a second where that is not known."""
        found = self._outlook(waiting).turn_s(waiting.tenant, now_s)
        return 1.0 if found is None else found

    def _outlook(self, waiting: Waiting) -> Outlook:
        return self._outlooks[waiting.model, waiting.lane]
