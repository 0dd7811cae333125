"""What workers can take now: what they told, less what is on its way to them."""

import math
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tokenlane_classifier.line.waiting import Place, Waiting
from tokenlane_fleet.urgency import counted

# A worker that told nothing for so long is gone.
SILENCE_S = 5.0
# What went to its lane for longer than this is there, or was taken.
_UNDERWAY_S = 2.0


# More than any engine computes; sums of it can be taken back.
UNLIMITED = 2**50


class Credit(NamedTuple):
    """What may still begin: KV tokens, sequences, and prompt tokens that are not computed."""

    tokens: int
    sequences: int
    prefill_tokens: int = UNLIMITED

    def plus(self, other: "Credit") -> "Credit":
        """Both."""
        return Credit(
            self.tokens + other.tokens, self.sequences + other.sequences, self.prefill_tokens + other.prefill_tokens
        )

    def minus(self, other: "Credit") -> "Credit":
        """Less that."""
        return Credit(
            self.tokens - other.tokens, self.sequences - other.sequences, self.prefill_tokens - other.prefill_tokens
        )

    @property
    def is_room(self) -> bool:
        """Whether anything may begin; the last request may take more than is left."""
        return min(self) > 0


_NOTHING = Credit(0, 0, 0)


class Rooms(NamedTuple):
    """The places of which anything may go, those of which who has far more there than others may go, and those of which
    BATCH may."""

    room: Collection[Place]
    spare: Collection[Place] = ()
    idle: Collection[Place] = ()


class Offer(NamedTuple):
    """What may begin in a place, what of that BATCH leaves to others, and how many of the prompt tokens those leave who
    have far more there."""

    credit: Credit = _NOTHING
    reserve: Credit = _NOTHING
    flood_reserve: int = 0

    def plus(self, other: "Offer") -> "Offer":
        """Both."""
        flood_reserve = self.flood_reserve + other.flood_reserve
        return Offer(self.credit.plus(other.credit), self.reserve.plus(other.reserve), flood_reserve)

    def minus(self, other: "Offer") -> "Offer":
        """Less that."""
        flood_reserve = self.flood_reserve - other.flood_reserve
        return Offer(self.credit.minus(other.credit), self.reserve.minus(other.reserve), flood_reserve)

    @property
    def spare(self) -> Credit:
        """What is left of a step."""
        return self.credit.minus(Credit(0, 0, self.flood_reserve))

    @property
    def idle(self) -> Credit:
        """What others do not take."""
        return self.credit.minus(self.reserve)


_NONE = Offer()


@dataclass(frozen=True, slots=True)
class Hand:
    """A worker: what it has room for in each place, and when it told."""

    offers: Mapping[Place, Offer]
    told_s: float


class Crew:
    """The workers of one model. A worker takes a request of any place that it names, so what is on its way to one place
    takes room of the others that the same workers name."""

    def __init__(self) -> None:
        self._hands: dict[str, Hand] = {}
        # What those have together that name the same places.
        self._together: dict[frozenset[Place], dict[Place, Offer]] = {}
        # What is on its way to a place, and since when.
        self._sent: dict[Place, deque[tuple[float, Credit]]] = {}
        self._underway: dict[Place, Credit] = {}

    def __len__(self) -> int:
        return len(self._hands)

    def heard(self, worker: str, offers: Mapping[Place, Offer], taken: Mapping[Place, int], now_s: float) -> None:
        """A worker told what it took since it told last, and what it has room for now."""
        self.left(worker)
        self._hands[worker] = Hand(offers, now_s)
        if offers:
            together = self._together.setdefault(frozenset(offers), {})
            for place, own in offers.items():
                together[place] = own.plus(together.get(place, _NONE))
        for place, count in taken.items():
            for _ in range(min(count, len(self._sent.get(place, ())))):
                self._arrived(place)

    def left(self, worker: str) -> None:
        """A worker ends."""
        hand = self._hands.pop(worker, None)
        if hand is None or not hand.offers:
            return
        together = self._together[frozenset(hand.offers)]
        for place, own in hand.offers.items():
            together[place] = together[place].minus(own)

    def forget_silent(self, now_s: float) -> Collection[str]:
        """Workers that told nothing for too long are gone. Returns them."""
        gone = [worker for worker, hand in self._hands.items() if now_s - hand.told_s > SILENCE_S]
        for worker in gone:
            self.left(worker)
        return gone

    def sent(self, waiting: Waiting, now_s: float) -> None:
        """A request went to its lane."""
        tokens = counted(waiting.prompt_tokens, waiting.output_tokens)
        self._send(waiting.place, Credit(tokens, 1, waiting.prompt_tokens), now_s)

    def counted(self, place: Place, waiting: int, now_s: float) -> None:
        """So many requests are in the lane and nobody has them, by the broker's count."""
        sent = self._sent.get(place, deque())
        while len(sent) > waiting and now_s - sent[0][0] > _UNDERWAY_S:
            self._arrived(place)
        for _ in range(waiting - len(sent)):
            self._send(place, Credit(0, 1, 0), now_s - _UNDERWAY_S)

    def is_underway(self, place: Place, sent_s: float = math.inf) -> bool:
        """Whether anything that was sent there by then was not taken yet."""
        sent = self._sent.get(place)
        return sent is not None and len(sent) > 0 and sent[0][0] <= sent_s

    def places(self) -> set[Place]:
        """All that anything was sent to, or is taken from."""
        return {*self._sent, *(place for hand in self._hands.values() for place in hand.offers)}

    def rooms(self) -> Rooms:
        """Where anything may go."""
        offers = {place: self._left(place) for place in _all(self._together)}
        return Rooms(
            [place for place, left in offers.items() if left.credit.is_room],
            [place for place, left in offers.items() if left.spare.is_room],
            [place for place, left in offers.items() if left.idle.is_room],
        )

    def only(self, place: Place) -> str | None:
        """The worker that has room for what waits there, where no other has."""
        able = (
            name for name, hand in self._hands.items() if place in hand.offers and hand.offers[place].credit.is_room
        )
        first, second = next(able, None), next(able, None)
        return None if second is not None else first

    def _left(self, place: Place) -> Offer:
        named = [places for places in self._together if place in places]
        left = _NONE
        for places in named:
            left = left.plus(self._together[places][place])
        for other in _all(named):
            left = left.minus(Offer(self._underway.get(other, _NOTHING)))
        return left

    def _send(self, place: Place, taken: Credit, now_s: float) -> None:
        self._sent.setdefault(place, deque()).append((now_s, taken))
        self._underway[place] = self._underway.get(place, _NOTHING).plus(taken)

    def _arrived(self, place: Place) -> None:
        _, taken = self._sent[place].popleft()
        self._underway[place] = self._underway[place].minus(taken)


def _all(together: Iterable[frozenset[Place]]) -> frozenset[Place]:
    return frozenset().union(*together)
