"""Whose turn it is, where who floods leaves room to others. Pure.

An engine that is always full computes full steps, and who comes to it waits for one or two of them; before a flood they
were shorter. So a tenant that has far more in a place than the others fills what is left of a step, but no more. That
is no less than its share: beside others that wait in that place, it goes whenever it was served less.
"""

from collections.abc import Callable

from tokenlane_classifier.line.crew import Rooms
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.waiting import Waiting

# So many tenants that are ahead are looked past. Where there are more, they do not stand back for anybody.
_MOST = 32

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
        line.look_past(other.tenant)
        other = _first(line, now_s, rooms, fits)
    for tenant in aside:
        line.look_at(tenant)
    if other is None:
        return None
    return found if other.place == found.place and line.is_behind(found, other) else other


def _first(line: Line, now_s: float, rooms: Rooms, fits: Is) -> Waiting | None:
    while (found := line.next(now_s, rooms.room, rooms.idle)) is not None and not fits(found):
        line.park(found.tenant)
    return found
