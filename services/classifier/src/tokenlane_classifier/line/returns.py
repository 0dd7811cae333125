"""Those who were told when to come again. A place is kept for each."""

from dataclasses import dataclass

from tokenlane_classifier.line.backlog import Spot
from tokenlane_classifier.line.ranked import Ranked

# A client's clock may run fast, and its way be slow.
_EARLY_S = 0.5
_LATE_S = 5.0
# More places are not kept at a time.
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Booking:
    """Who comes at `told_s` is let in. The place is kept until `until_s`."""

    spot: Spot
    told_s: float
    until_s: float

    def is_due(self, now_s: float) -> bool:
        """Whether it is not too early to come."""
        return now_s >= self.told_s - _EARLY_S


class Returns:
    """Bookings by key, which must be the same each time a request is sent."""

    def __init__(self) -> None:
        self._bookings: dict[str, Booking] = {}
        self._ends: Ranked[str, float] = Ranked()

    def __len__(self) -> int:
        return len(self._bookings)

    @property
    def full(self) -> bool:
        """Whether no more can be booked."""
        return len(self._bookings) >= _MOST

    def get(self, key: str) -> Booking | None:
        """What is booked for it."""
        return self._bookings.get(key)

    def book(self, key: str, spot: Spot, told_s: float) -> Booking:
        """It was told to come at `told_s`."""
        booking = self._bookings[key] = Booking(spot, told_s, told_s + _LATE_S)
        self._ends.put(key, booking.until_s)
        return booking

    def take(self, key: str) -> Booking:
        """It came."""
        self._ends.discard(key)
        return self._bookings.pop(key)

    def lapsed(self, now_s: float) -> list[Booking]:
        """Remove and return those who did not come."""
        found = []
        while (first := self._ends.first()) is not None and first[0] < now_s:
            found.append(self.take(first[1]))
        return found
