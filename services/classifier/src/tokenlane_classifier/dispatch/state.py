"""What the dispatcher knows of requests, by model: those that wait, those on their way or with a worker, and who works.
Pure; times in seconds since the Unix epoch."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from tokenlane.v1.line_pb2 import Candidate, QueueRoom, Room
from tokenlane.v1.reply_pb2 import UsageEvent
from tokenlane_classifier.dispatch.candidates import Key, ask_of, waiting_of
from tokenlane_classifier.dispatch.flights import Flights
from tokenlane_classifier.dispatch.presences import Presences
from tokenlane_classifier.dispatch.prospects import Prospects
from tokenlane_classifier.dispatch.roll import Roll
from tokenlane_classifier.line import snapshot
from tokenlane_classifier.line.crew import UNLIMITED, Credit, Crew, Offer
from tokenlane_classifier.line.holders import Holders
from tokenlane_classifier.line.limits import Accounts, TenantLimits
from tokenlane_classifier.line.line import Line
from tokenlane_classifier.line.order import Tariff
from tokenlane_classifier.line.turn import whose_turn
from tokenlane_classifier.line.verdict import Refused
from tokenlane_classifier.line.waiting import Place, Waiting
from tokenlane_proto.prefixes import prefix_of

# An admitted request that was to be held, and of which nothing was heard for so long, was not.
_COMING_S = 30.0
# What was to be held and is not older than this may be on its way into the stream.
_PUT_S = 2.0


class Fate(Enum):
    """What becomes of a message that is where requests wait."""

    WAITS = auto()
    # Its turn came before it did.
    GOES = auto()
    # Another message stands for its request.
    COPY = auto()
    # It is being moved.
    GOING = auto()


@dataclass(frozen=True, slots=True)
class Coming:
    """A request that is to wait and has no sequence yet."""

    waiting: Waiting
    since_s: float


class State:
    """`limits` of each tenant; `prefill_tokens_per_s`: of an engine with nothing else to do."""

    def __init__(self, limits: Callable[[str], TenantLimits], prefill_tokens_per_s: float) -> None:
        self._limits = limits
        self._prefill_tokens_per_s = prefill_tokens_per_s
        self.accounts = Accounts(limits)
        self._tariff = Tariff()
        self._prospects = Prospects(self._tariff)
        self.lines: dict[str, Line] = {}
        self.crews: dict[str, Crew] = {}
        self._holders: defaultdict[str, Holders] = defaultdict(Holders)
        self._presences = Presences(self._tariff, limits)
        self._flights = Flights(self.accounts, self._presences)
        self._roll = Roll()
        # Tenants that are parked as it is not known what they have in flight. None: it is.
        self._unheard: set[str] | None = None
        self._coming: dict[Key, Coming] = {}
        self._numbers = itertools.count(1)
        self._copies: list[int] = []

    def snapshot(self, now_s: float) -> bytes:
        """What must outlive this dispatcher: who was served how much, and what was taken of buckets."""
        return snapshot.encode(self.lines, self.accounts, now_s, round(now_s * 1_000))

    def restore(self, data: bytes, models: Iterable[str], now_s: float) -> bool:
        """What another dispatcher left, before anything waits. Whether it was of use. Raises ValueError."""
        for model in models:
            self.line(model)
        return snapshot.restore(data, self.lines, self.accounts, now_s, round(now_s * 1_000))

    def line(self, model: str) -> Line:
        """Made where there is none."""
        if model not in self.lines:
            self.lines[model] = Line(tariff=self._tariff)
        return self.lines[model]

    def crew(self, model: str) -> Crew:
        """Made where there is none."""
        if model not in self.crews:
            self.crews[model] = Crew()
        return self.crews[model]

    def apply(self, candidate: Candidate, now_s: float, jitter: float) -> Waiting | Refused | None:
        """A request asks to go on: it joins its line under a negative number until it is released, or `wait` is called.
        None: it went on before. One that waits already is what it was."""
        key = _key(candidate)
        if key in self._flights:
            return None
        if (known := self._roll.get(key)) is not None:
            return known
        waiting = waiting_of(candidate, -next(self._numbers), self._prefill_tokens_per_s)
        if self._coming.pop(key, None) is None and (refused := self._refuse(candidate, waiting, now_s, jitter)):
            return refused
        self._join(key, waiting, candidate.reply_inbox, now_s)
        return waiting

    def _refuse(self, candidate: Candidate, waiting: Waiting, now_s: float, jitter: float) -> Refused | None:
        turn_s = self._prospects.turn_s(waiting, now_s)
        verdict = self.accounts.admit(waiting.tenant, ask_of(candidate), now_s, turn_s, jitter)
        if isinstance(verdict, Refused):
            return verdict
        weight, key = self._limits(waiting.tenant).weight, f"{candidate.tenant}.{candidate.same}"
        refused = self._prospects.refuse(waiting, candidate.classification.ttft_asked, weight, key, now_s, jitter)
        if refused is not None:
            self.accounts.drop(waiting.tenant, waiting.tokens, now_s)
        return refused

    def wait(self, candidate: Candidate, waiting: Waiting, now_s: float) -> None:
        """It was not released: it is put where it waits, and comes back by `held`."""
        self._leave(waiting, now_s)
        self._coming[_key(candidate)] = Coming(waiting, now_s)

    def told(self, waiting: Waiting, now_s: float) -> tuple[int, float]:
        """About how many go before what waits, and in how many seconds it starts."""
        return self._prospects.told(waiting, now_s)

    def returning(self, now_s: float) -> Mapping[str, int]:
        """How many of each model were refused and are expected to come again."""
        return self._prospects.returning(now_s)

    def in_line(self, key: Key) -> Waiting | None:
        """What waits under that name."""
        return self._roll.get(key)

    def known(self, model: str, now_s: float) -> int:
        """Requests of a model that wait, or are about to."""
        coming = (one for one in self._coming.values() if now_s - one.since_s < _PUT_S)
        return len(self.line(model)) + sum(one.waiting.model == model for one in coming)

    def copies(self) -> list[int]:
        """What waits in the stream of requests that turned out to be with a worker, or over. Told once."""
        found, self._copies = self._copies, []
        return found

    def watched(self, most: int) -> Iterator[tuple[Waiting, str]]:
        """Some of those that wait, with the inbox that is told how they stand; the next ones each time."""
        return self._roll.watched(most)

    def held(self, candidate: Candidate, now_s: float) -> Fate:
        """It was put where it waits."""
        fate = self._place(candidate, now_s)
        return Fate.GOES if fate is Fate.GOING else fate

    def recall(self, candidate: Candidate, now_s: float) -> Fate:
        """It was found where it waits: another dispatcher admitted it, or nobody told."""
        key = _key(candidate)
        if not (self._flights.get(key) or key in self._coming or key in self._roll):
            self.accounts.recall(candidate.tenant)
        return self._place(candidate, now_s)

    def gone(self, key: Key, now_s: float) -> Waiting | None:
        """It is not to be served. What waited, if it did."""
        waiting = self._roll.get(key)
        if waiting is not None:
            self._leave(waiting, now_s)
            self._drop(key, waiting, now_s)
        return waiting

    def releases(self, model: str, now_s: float) -> Iterator[Waiting]:
        """Release what goes next, one after the other, for as long as there is room."""
        line, crew = self.line(model), self.crew(model)
        if not len(line):
            return
        while (rooms := crew.rooms()).room:
            found = whose_turn(line, now_s, rooms, self._fits, self._presences.is_ahead)
            if found is None:
                return
            found = self._preferred(found, now_s)
            self._let_go(found, now_s)
            crew.sent(found, now_s)
            yield found

    def heard(self, room: Room, now_s: float) -> None:
        """A worker told what it has, took, and has room for."""
        crew = self.crew(room.model)
        if room.gone:
            crew.left(room.worker)
            self._holders[room.model].left(room.worker)
            return
        self._holders[room.model].works(room.worker, room.kv_tokens)
        places = [(Place(queue.lane, queue.fits), queue) for queue in room.queues]
        offers = {place: _offer(queue) for place, queue in places}
        crew.heard(room.worker, offers, {place: queue.taken for place, queue in places if queue.taken}, now_s)
        for running in room.running:
            self._seen((running.tenant, running.request_id), running.tokens, room.worker, now_s)
        if room.whole:
            self._flights.ran(room.worker, {(running.tenant, running.request_id) for running in room.running})

    def hear_workers(self) -> None:
        """Not all of them have told what they have: of who has a limit in flight, nothing goes."""
        self._unheard = set()

    def workers_heard(self) -> None:
        """They have."""
        tenants, self._unheard = self._unheard or (), None
        for tenant in tenants:
            self._unpark(tenant)

    def used(self, key: Key, prompt_tokens: int, output_tokens: int, now_s: float) -> None:
        """A request ended, and took so much."""
        self._flights.find(key)
        if key in self._coming or key in self._roll:
            self._meet(key, 0, now_s)
        flight = self._flights.end(key, prompt_tokens + output_tokens, now_s)
        if flight is None:
            return
        if flight.waiting is not None:
            self.line(flight.waiting.model).settle(flight.waiting, prompt_tokens, output_tokens)
        self._unpark(flight.tenant)

    def ran(self, tenant: str, event: UsageEvent) -> None:
        """A worker told what it ran."""
        tokens = event.usage.prompt_tokens + event.usage.completion_tokens
        self._holders[event.model].ran(event.worker, prefix_of(tenant, event.facts), tokens)

    def sweep(self, now_s: float) -> list[Waiting]:
        """Forget what was lost sight of. Returns what passed its deadline while it waited."""
        for tenant in self._flights.sweep(now_s, self._is_underway):
            self._unpark(tenant)
        for key, coming in list(self._coming.items()):
            if now_s - coming.since_s > _COMING_S:
                del self._coming[key]
                self._drop(key, coming.waiting, now_s)
        for model, crew in self.crews.items():
            for worker in crew.forget_silent(now_s):
                self._holders[model].left(worker)
            self._prospects.halt(model, not len(crew), now_s)
        for model, lane, slack in self._prospects.slacks(now_s):
            self.line(model).slacken(lane, slack)
        expired = [waiting for line in self.lines.values() for waiting in line.expired(now_s)]
        for waiting in expired:
            self._prospects.leave(waiting, False, now_s)
            self._drop(self._roll.strike(waiting), waiting, now_s)
        return expired

    def tenant_changed(self, tenant: str) -> None:
        """Its limits are others now."""
        for line in self.lines.values():
            line.weigh(tenant, self._limits(tenant).weight)
        self._unpark(tenant)

    def _is_underway(self, sent: Waiting, sent_s: float) -> bool:
        return self.crew(sent.model).is_underway(sent.place, sent_s)

    def _preferred(self, found: Waiting, now_s: float) -> Waiting:
        """What goes in its place, or it: where one worker alone has room, of equals what begins as it has in its
        cache."""
        worker = self.crew(found.model).only(found.place)
        if worker is None:
            return found
        holders = self._holders[found.model]
        other = self.line(found.model).alike(found, holders.held(worker), now_s)
        if other is not None and self._fits(other) and not self._presences.is_ahead(other):
            found = other
        holders.ran(worker, found.prefix)
        return found

    def _fits(self, waiting: Waiting) -> bool:
        if self._unheard is not None and self._limits(waiting.tenant).tokens_in_flight:
            self._unheard.add(waiting.tenant)
            return False
        return self.accounts.fits(waiting.tenant, waiting.tokens)

    def _place(self, candidate: Candidate, now_s: float) -> Fate:
        key = _key(candidate)
        if (flight := self._flights.get(key)) is not None:
            return Fate.COPY if flight.is_running else Fate.GOING
        if (known := self._roll.get(key)) is not None:
            if known.seq == candidate.held_seq:
                return Fate.WAITS
            if known.seq > 0:
                return Fate.COPY
            self._leave(known, now_s)
        self._flights.forget_lost(key)
        self._coming.pop(key, None)
        waiting = waiting_of(candidate, candidate.held_seq, self._prefill_tokens_per_s)
        self._join(key, waiting, candidate.reply_inbox, now_s)
        return Fate.WAITS

    def _let_go(self, waiting: Waiting, now_s: float) -> None:
        self.line(waiting.model).release(waiting.seq)
        self._prospects.leave(waiting, True, now_s)
        self._flights.let_go(self._roll.strike(waiting), waiting, now_s)

    def _meet(self, key: Key, tokens: int, now_s: float) -> None:
        """A worker has it, or had, though it was not let go here: another dispatcher did, or none."""
        coming = self._coming.pop(key, None)
        if coming is not None:
            self._join(key, coming.waiting, "", now_s)
        waiting = self._roll.get(key)
        if waiting is None:
            self._flights.found(key, tokens, now_s)
            return
        if waiting.seq > 0:
            self._copies.append(waiting.seq)
        self._let_go(waiting, now_s)

    def _join(self, key: Key, waiting: Waiting, inbox: str, now_s: float) -> None:
        line, weight = self.line(waiting.model), self._limits(waiting.tenant).weight
        line.weigh(waiting.tenant, weight)
        line.add(waiting)
        self._prospects.enter(waiting, weight, now_s)
        self._presences.enter(key, waiting)
        self._roll.enter(key, waiting, inbox)

    def _drop(self, key: Key, waiting: Waiting, now_s: float) -> None:
        """It waits no more, and was not served."""
        self._presences.leave(key, waiting)
        self.accounts.drop(waiting.tenant, waiting.tokens, now_s)

    def _leave(self, waiting: Waiting, now_s: float) -> None:
        self.line(waiting.model).remove(waiting.seq)
        self._roll.strike(waiting)
        self._prospects.leave(waiting, False, now_s)

    def _seen(self, key: Key, tokens: int, worker: str, now_s: float) -> None:
        self._flights.find(key)
        if key not in self._flights:
            self._meet(key, tokens, now_s)
        self._flights.seen(key, worker, now_s)

    def _unpark(self, tenant: str) -> None:
        for line in self.lines.values():
            line.unpark(tenant)


def _offer(queue: QueueRoom) -> Offer:
    prefill = queue.prefill_tokens if queue.HasField("prefill_tokens") else UNLIMITED
    reserve = Credit(queue.reserve_tokens, queue.reserve_sequences, queue.reserve_prefill_tokens)
    return Offer(Credit(queue.tokens, queue.sequences, prefill), reserve, queue.flood_reserve_prefill_tokens)


def _key(candidate: Candidate) -> Key:
    return (candidate.tenant, candidate.request_id)
