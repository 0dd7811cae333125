"""What waits, is on its way or runs in each place, but for batch."""

from collections import defaultdict
from collections.abc import Callable

from tokenlane_classifier.dispatch.candidates import Key
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_classifier.line.order import Tariff
from tokenlane_classifier.line.presence import Presence
from tokenlane_classifier.line.waiting import Place, Priority, Waiting


class Presences:
    """By model and place; an amount is work by the tariff, over the tenant's weight."""

    def __init__(self, tariff: Tariff, limits: Callable[[str], TenantLimits]) -> None:
        self._tariff, self._limits = tariff, limits
        self._presences: defaultdict[tuple[str, Place], Presence] = defaultdict(Presence)

    def enter(self, key: Key, waiting: Waiting) -> None:
        """A request came. One that is there is not counted again."""
        if waiting.priority is not Priority.BATCH:
            amount = self._tariff.of(waiting) / self._limits(waiting.tenant).weight
            self._of(waiting).enter(key, waiting.tenant, amount)

    def leave(self, key: Key, waiting: Waiting) -> None:
        """It ended, or was lost sight of. Nothing, if it is not there."""
        self._of(waiting).leave(key)

    def is_ahead(self, waiting: Waiting) -> bool:
        """Whether its tenant has far more there than others. Batch is not compared."""
        return waiting.priority is not Priority.BATCH and self._of(waiting).is_ahead(waiting.tenant)

    def _of(self, waiting: Waiting) -> Presence:
        return self._presences[waiting.model, waiting.place]
