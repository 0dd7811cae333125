"""Who goes next, and where to: in order of arrival, or to a worker that holds the system prompt. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from bench.prefix.replica import Replica
from bench.prefix.traffic import Request

# Hashes fall into so many shares, by Knuth's multiplicative hash.
_SHARES, _MIXER, _SPREAD = 16, 2_654_435_761, 2**20


class Choice(Enum):
    """How a worker's prefixes count."""

    # Not at all: in order of arrival to the worker that has had room for longest.
    NONE = auto()
    # Among the first in line the worker prefers one whose prefix it holds. Requests prefer no worker.
    ORDER = auto()
    # A request prefers a worker that holds its prefix, too.
    HOLDER = auto()
    # As if each worker held the prefixes of its share of all hashes: nobody has to know what caches hold.
    OWNER = auto()
    # A request prefers the worker with which the least prompt has to be computed until its first token.
    LEAST_WORK = auto()


@dataclass(frozen=True, slots=True)
class Rule:
    """`wait_s`: seconds that a request waits for a worker that holds its prefix while others have room. `window`: so
    many of the first in line may be preferred, and so often one is passed by."""

    choice: Choice
    wait_s: float = 0.0
    window: int = 32


class Turn(NamedTuple):
    """The request at `place` of the line goes to `replica`."""

    place: int
    replica: Replica


def next_turn(line: Sequence[Request], replicas: Sequence[Replica], now_s: float, rule: Rule) -> Turn | None:
    """None: nobody goes now."""
    if not line:
        return None
    parked = sorted(replicas, key=lambda replica: replica.parked_s)
    first = _turn(0, line[0], parked, rule, len(replicas))
    if first is None or rule.choice is Choice.NONE or line[0].skipped >= rule.window:
        return first
    if rule.choice is Choice.ORDER:
        parked = [first.replica]
    window = list(enumerate(line[: rule.window]))
    for place, request in window:
        turn = _turn(place, request, parked, rule, len(replicas))
        if turn is not None and _likes(turn.replica, request, rule.choice, len(replicas)):
            return turn
    if rule.choice is Choice.ORDER:
        return first
    for place, request in window:
        turn = _turn(place, request, parked, rule, len(replicas))
        if turn is not None and _may_go_anywhere(request, replicas, now_s, rule.wait_s):
            return turn
    return None


def take(line: list[Request], turn: Turn) -> Request:
    """The request of a turn, out of the line."""
    for request in line[: turn.place]:
        request.skipped += 1
    return line.pop(turn.place)


def _turn(place: int, request: Request, parked: Sequence[Replica], rule: Rule, workers: int) -> Turn | None:
    """Where a request would go. `parked`: those that have had room for longest first."""
    room = [replica for replica in parked if replica.has_room(request)]
    if not room:
        return None
    if rule.choice is Choice.LEAST_WORK:
        return Turn(place, min(room, key=lambda replica: replica.work(request)))
    if rule.choice in (Choice.HOLDER, Choice.OWNER):
        return Turn(place, next((each for each in room if _likes(each, request, rule.choice, workers)), room[0]))
    return Turn(place, room[0])


def _likes(replica: Replica, request: Request, choice: Choice, workers: int) -> bool:
    if choice is Choice.OWNER:
        return request.prefix * _MIXER // _SPREAD % _SHARES % workers == replica.number
    return replica.cache.holds(request.prefix)


def _may_go_anywhere(request: Request, replicas: Sequence[Replica], now_s: float, wait_s: float) -> bool:
    if not any(replica.cache.holds(request.prefix) for replica in replicas):
        return True
    if request.passed_s is None:
        request.passed_s = now_s
    return now_s >= request.passed_s + wait_s
