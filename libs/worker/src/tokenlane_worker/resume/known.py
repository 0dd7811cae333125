"""What is known of a request's earlier attempts: how far its answer came, and how the attempts ended."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tokenlane.v1.recovery_pb2 import AttemptEnd, AttemptStart, Checkpoint, Progress, Shown
from tokenlane.v1.reply_pb2 import Head
from tokenlane_proto import events

DIED = "a worker died with it"


@dataclass(frozen=True)
class Known:
    """The beginning of a streamed answer: `data` holds its first `events` server-sent events, all of them whole."""

    events: int = 0
    data: bytes = b""
    head: Head | None = None


@dataclass(frozen=True)
class History:
    """What the earlier attempts left. `known` is what their checkpoints hold, `progressed` the attempts that wrote one
    that moved the answer on. `ends` come in the order of the attempts; those whose worker died without a word are among
    them if their start was kept."""

    known: Known
    ends: tuple[AttemptEnd, ...]
    progressed: frozenset[int]


def assemble(entries: Iterable[Progress]) -> History:
    """The history that `entries`, in the order of their stream, tell.

    A delta that overlaps replaces what an earlier attempt wrote from there on; the late delta of an attempt that has
    been followed by another is ignored, and so is one that leaves a gap: an attempt's first delta has to begin where
    the checkpoints end that it found.
    """
    known, attempt = Known(), 0
    ends: dict[int, AttemptEnd] = {}
    progressed: set[int] = set()
    for entry in entries:
        if entry.HasField("started"):
            ends.setdefault(entry.started.attempt, _died(entry.started))
        elif entry.HasField("ended"):
            ends[entry.ended.attempt] = entry.ended
        elif entry.HasField("checkpoint") and _applies(entry.checkpoint, known, attempt):
            part = entry.checkpoint
            known = _joined(known, part.first_event, part.data, part.head if part.HasField("head") else None)
            attempt = part.attempt
            progressed.add(attempt)
    return History(known, tuple(ends[number] for number in sorted(ends)), frozenset(progressed))


def with_shown(known: Known, shown: Shown) -> Known:
    """`known`, longer by what a reader has shown to its client. Where both tell of the same events and differ, the
    reader is right. What does not follow on `known` is left out."""
    first, last = shown.first_event, shown.first_event + events.count(shown.tail)
    if first > known.events:
        return known
    if last <= known.events:
        same = _first(events.skip(known.data, first), last - first)
        if events.digest(same) == events.digest(shown.tail):
            return known
    return _joined(known, first, shown.tail, shown.head if shown.HasField("head") else None)


def failures(attempt: int, history: History, first_unseen: bool) -> int:
    """How many of the attempts before `attempt` failed: neither handed over nor with any progress. The first keeps no
    record of its start. `first_unseen`: it counts as made, since the request was delivered before."""
    made = {end.attempt for end in history.ends} | ({1} if first_unseen else set())
    excused = {end.attempt for end in history.ends if end.handed_over} | history.progressed
    return sum(before < attempt for before in made - excused)


def _died(started: AttemptStart) -> AttemptEnd:
    return AttemptEnd(attempt=started.attempt, worker=started.worker, reason=DIED)


def _applies(part: Checkpoint, known: Known, attempt: int) -> bool:
    if part.first_event > known.events or part.attempt < attempt or not part.data:
        return False
    # Sent twice by the same attempt: the first copy, and what came after it, is there.
    return part.attempt > attempt or part.first_event + events.count(part.data) > known.events


def _joined(known: Known, first_event: int, data: bytes, head: Head | None) -> Known:
    kept = known.data if first_event == known.events else _first(known.data, first_event)
    return replace(
        known,
        events=first_event + events.count(data),
        data=kept + data,
        head=known.head if known.head is not None else head,
    )


def _first(data: bytes, count: int) -> bytes:
    """The first `count` events of `data`."""
    return data[: len(data) - len(events.skip(data, count))]
