"""Requests that went to their lanes, until they end: on their way, with a worker, or lost with one."""

from collections.abc import Callable
from dataclasses import dataclass

from tokenlane_classifier.dispatch.candidates import Key
from tokenlane_classifier.dispatch.presences import Presences
from tokenlane_classifier.line.limits import Accounts
from tokenlane_classifier.line.waiting import Waiting

# A request that no worker has named for so long has ended, or waits anew.
_UNSEEN_S = 5.0
# By then the broker has delivered it to another worker, if its own was lost: after 10 s.
_LOST_S = 15.0


@dataclass(slots=True)
class Flight:
    """`waiting`: None where only a worker told of it. `worker`: who named it last."""

    tenant: str
    tokens: int
    seen_s: float
    waiting: Waiting | None = None
    worker: str = ""
    # Its worker told since then that it has it no more.
    is_over: bool = False

    @property
    def is_running(self) -> bool:
        """Whether a worker has it."""
        return bool(self.worker) and not self.is_over


class Flights:
    """Keeps the accounts of what is in flight, and who is present in which place."""

    def __init__(self, accounts: Accounts, presences: Presences) -> None:
        self._accounts, self._presences = accounts, presences
        self._flights: dict[Key, Flight] = {}
        self._lost: dict[Key, Flight] = {}
        # What each worker has, by its last word.
        self._running: dict[str, set[Key]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._flights or key in self._lost

    def get(self, key: Key) -> Flight | None:
        """What is on its way or with a worker, not what was lost."""
        return self._flights.get(key)

    def let_go(self, key: Key, waiting: Waiting, now_s: float) -> None:
        """It waited, and goes to its lane."""
        self._accounts.release(waiting.tenant, waiting.tokens)
        self._flights[key] = Flight(waiting.tenant, waiting.tokens, now_s, waiting)

    def found(self, key: Key, tokens: int, now_s: float) -> None:
        """A worker has it, and nobody knew."""
        self._accounts.found(key[0], tokens)
        self._flights[key] = Flight(key[0], tokens, now_s)

    def seen(self, key: Key, worker: str, now_s: float) -> None:
        """A worker has it. Raises KeyError if it is not in flight."""
        flight = self._flights[key]
        flight.seen_s, flight.worker, flight.is_over = now_s, worker, False

    def ran(self, worker: str, running: set[Key]) -> None:
        """That is all that a worker has; what it had before it has no more, or another one has."""
        for key in self._running.get(worker, set()) - running:
            flight = self._flights.get(key)
            if flight is not None and flight.worker == worker:
                flight.is_over = True
        self._running[worker] = running

    def end(self, key: Key, used: int, now_s: float) -> Flight | None:
        """It took so many tokens. Of what was not admitted here nothing was taken that could come back."""
        flight = self._flights.pop(key, None)
        if flight is not None:
            used = flight.tokens if flight.waiting is None else used
            self._accounts.end(flight.tenant, flight.tokens, used, now_s)
            self._leave(key, flight)
        return flight

    def find(self, key: Key) -> None:
        """It is there, whether it was lost or not."""
        flight = self._lost.pop(key, None)
        if flight is None:
            return
        self._flights[key] = flight
        self._accounts.forget_lost(flight.tenant, flight.tokens)
        self._accounts.found(flight.tenant, flight.tokens)
        if flight.waiting is not None:
            self._presences.enter(key, flight.waiting)

    def forget_lost(self, key: Key) -> None:
        """It waits again, or will not come. Nothing, if it was not lost."""
        flight = self._lost.pop(key, None)
        if flight is not None:
            self._accounts.forget_lost(flight.tenant, flight.tokens)

    def sweep(self, now_s: float, is_underway: Callable[[Waiting, float], bool]) -> list[str]:
        """Lose what no worker names any more, and forget what was lost for long. `is_underway`: whether nobody may
        have taken what was let go by then. Returns tenants that have less in flight."""
        tenants = []
        for key, flight in list(self._flights.items()):
            if now_s - flight.seen_s <= _UNSEEN_S:
                continue
            sent = None if flight.worker else flight.waiting
            if (sent is None or not is_underway(sent, flight.seen_s)) and self._lose(key, now_s):
                tenants.append(flight.tenant)
        for key, flight in list(self._lost.items()):
            if now_s - flight.seen_s > _LOST_S:
                self.forget_lost(key)
                tenants.append(flight.tenant)
        for worker, keys in list(self._running.items()):
            if keys.isdisjoint(self._flights):
                del self._running[worker]
        return tenants

    def _lose(self, key: Key, now_s: float) -> bool:
        """Nobody has it. It is delivered again, unless its worker ended it: whether it did."""
        flight = self._flights.pop(key)
        self._leave(key, flight)
        if flight.is_over:
            self._accounts.end(flight.tenant, flight.tokens, flight.tokens, now_s)
        else:
            self._lost[key] = flight
            self._accounts.lose(flight.tenant, flight.tokens)
        return flight.is_over

    def _leave(self, key: Key, flight: Flight) -> None:
        if flight.waiting is not None:
            self._presences.leave(key, flight.waiting)
