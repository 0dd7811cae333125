"""Who of those that wait had little, and of these, whose request is most urgent."""

from tokenlane_classifier.line.ranked import Ranked

Head = tuple[float, int]

# Bands that are equals to the lowest. More: a finer slack, and more steps for each request.
EQUALS = 8


class Bands:
    """Tenants in bands of levels, in each by the rank and the number of their first request. A slack is `EQUALS` bands
    wide: who is at most that far above the lowest is its equal."""

    def __init__(self, slack: float) -> None:
        self._width = slack / EQUALS
        self._band_of: dict[str, int] = {}
        self._bands: dict[int, Ranked[str, Head]] = {}
        self._numbers: Ranked[int, int] = Ranked()

    def put(self, tenant: str, level: float, head: Head) -> None:
        """Add a tenant, or move it."""
        number = int(level // self._width)
        if self._band_of.get(tenant, number) != number:
            self.discard(tenant)
        if number not in self._bands:
            self._bands[number] = Ranked()
            self._numbers.put(number, number)
        self._band_of[tenant] = number
        self._bands[number].put(tenant, head)

    def discard(self, tenant: str) -> None:
        """Remove it, if it is here."""
        number = self._band_of.pop(tenant, None)
        if number is None:
            return
        self._bands[number].discard(tenant)
        if not self._bands[number]:
            del self._bands[number]
            self._numbers.discard(number)

    def first(self) -> tuple[Head, str] | None:
        """The most urgent of the equals."""
        found = self._numbers.first()
        if found is None:
            return None
        near = (self._bands.get(number) for number in range(found[1], found[1] + EQUALS + 1))
        return min(head for band in near if band is not None and (head := band.first()) is not None)
