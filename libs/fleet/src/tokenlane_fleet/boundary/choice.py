"""What a traffic asks for: several lanes and where they divide, or one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tokenlane_fleet.boundary.outlook import Outlooks
from tokenlane_fleet.boundary.search import collapsed, limit_of, loss, search
from tokenlane_fleet.boundary.traffic import BoundarySettings, LaneCapacity, Outlook, Traffic, Uppers
from tokenlane_fleet.boundary.words import divided, one_lane


@dataclass(frozen=True, slots=True)
class Choice:
    """`best` of several lanes, `curve` of the first boundary, and everything in one lane (`alone`; None where that may
    not be). `closes`: one lane is enough."""

    outlooks: Outlooks
    traffic: Traffic
    best: Outlook
    curve: tuple[Outlook, ...]
    alone: Outlook | None
    closes: bool

    @property
    def wanted(self) -> Outlook:
        return self.alone if self.closes and self.alone is not None else self.best

    def reason(self, wanted: Outlook, before: Outlook | None) -> str:
        """Why it is `wanted`."""
        if len(wanted.uppers) > 1:
            return divided(wanted, self.alone, before, self.outlooks.settings)
        replicas = sum(lane.replicas for lane in self.outlooks.lanes.values())
        return one_lane(wanted, self.best, self.traffic, replicas, self.outlooks.settings)


def choose(traffic: Traffic, lanes: Sequence[LaneCapacity], settings: BoundarySettings, uppers: Uppers) -> Choice:
    """For lanes that divide at `uppers` now; empty: nowhere yet."""
    order = sorted(lanes, key=lambda lane: lane.max_model_len)
    outlooks = Outlooks(traffic, order, settings)
    is_alone = len(uppers) == 1
    best, curve = search(outlooks, order, _start(uppers, order, settings), _careful(settings) if is_alone else settings)
    alone = collapsed(outlooks, order, settings)
    closes = alone is not None and _is_enough(alone, best, is_alone, traffic, settings)
    return Choice(outlooks, traffic, best, curve, alone, closes)


def _start(uppers: Uppers, order: Sequence[LaneCapacity], settings: BoundarySettings) -> list[int]:
    """Where the search begins: the present boundaries, or octaves from the longest short request on."""
    if [lane.lane for lane in uppers] == [lane.name for lane in order]:
        return [lane.upper or settings.most_tokens for lane in uppers[:-1]]
    return [settings.short_tokens << place for place in range(len(order) - 1)]


def _careful(settings: BoundarySettings) -> BoundarySettings:
    """Lanes open where whatever comes next will do: the traffic has just changed."""
    return replace(settings, tolerance=settings.bet, full=(1 + settings.full) / 2)


def _is_enough(alone: Outlook, best: Outlook, is_alone: bool, traffic: Traffic, settings: BoundarySettings) -> bool:
    """One lane, where more bring nothing; it takes more to open the others again than to stay with it."""
    limit = limit_of((best, alone), settings)
    if limit.allows(best) != limit.allows(alone):
        return limit.allows(alone)
    pays = settings.pays_if_uniform if traffic.is_uniform else settings.pays
    return loss(alone) <= pays * (settings.hysteresis if is_alone else 1.0) * loss(best)
