"""Whose turn it is, where who floods leaves room to others. Pure.

An engine that is always full computes full steps, and who comes to it waits for one or two of them; before a flood they
were shorter. So a tenant that has far more in a place than the others fills what is left of a step, but no more. That
is no less than its share: where anybody else waits in that place, it goes whenever it is its turn.
"""

from collections.abc import Callable

from tokenlane_classifier.line.crew import Rooms
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.waiting import Waiting

# So many tenants that are ahead at most are looked past.
_MOST = 8

Is = Callable[[Waiting], bool]


def whose_turn(line: Line, now_s: float, rooms: Rooms, fits: Is, is_ahead: Is) -> Waiting | None:
    """What goes next. Tenants of what does not fit (`fits`) their limits are parked. `is_ahead`: whether its tenant has
    far more where it waits than others."""
    found = _first(line, now_s, rooms, fits)
    if found is None or found.place in rooms.spare or not is_ahead(found):
        return found
    aside: list[str] = []
    other: Waiting | None = found
    while other is not None and is_ahead(other) and other.place not in rooms.spare and len(aside) < _MOST:
        aside.append(other.tenant)
        line.park(other.tenant)
        other = _first(line, now_s, rooms, fits)
    for tenant in aside:
        line.unpark(tenant)
    if other is None or (is_ahead(other) and other.place not in rooms.spare):
        return None
    return found if other.place == found.place else other


def _first(line: Line, now_s: float, rooms: Rooms, fits: Is) -> Waiting | None:
    while (found := line.next(now_s, rooms.room, rooms.idle)) is not None and not fits(found):
        line.park(found.tenant)
    return found
