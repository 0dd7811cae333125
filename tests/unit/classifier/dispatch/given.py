"""Requests, workers and a dispatcher's knowledge for the tests here."""

from typing import Any

from tokenlane.v1.line_pb2 import Candidate, QueueRoom, Room, Running
from tokenlane.v1.request_pb2 import Classification
from tokenlane_classifier.dispatch.state import Fate, State
from tokenlane_classifier.line.limits import TenantLimits
from tokenlane_classifier.line.waiting import Waiting

MODEL = "m"
NOW_S = 1_700_000_000.0


def candidate(request_id: str = "r1", held_seq: int = 0, **given: Any) -> Candidate:
    """`given`: fields of the candidate, and of its classification."""
    names = Candidate.DESCRIPTOR.fields_by_name
    own = {name: given.pop(name) for name in list(given) if name in names}
    classification: dict[str, object] = {
        "lane": "short",
        "fits": "short",
        "prompt_tokens": 60,
        "output_tokens": 40,
        "ttft_limit_ms": 1_000,
    }
    values: dict[str, object] = {
        "tenant": "acme",
        "request_id": request_id,
        "model": MODEL,
        "accepted_unix_ms": int(NOW_S * 1_000),
        "held_seq": held_seq,
        "same": request_id,
        "classification": Classification(**(classification | given)),  # type: ignore[arg-type]
    }
    return Candidate(**(values | own))  # type: ignore[arg-type]


def room(tokens: int, worker: str = "w", taken: int = 0, running: tuple[str, ...] = (), **fields: object) -> Room:
    """A worker of the short lane with room for so many tokens, that has the requests `running` of 100 tokens each."""
    queue = QueueRoom(lane="short", fits="short", tokens=tokens, sequences=1_000, taken=taken)
    told = [Running(tenant="acme", request_id=name, tokens=100) for name in running]
    return Room(worker=worker, model=MODEL, queues=[queue], running=told, **fields)  # type: ignore[arg-type]


def state(limits: TenantLimits = TenantLimits()) -> State:  # noqa: B008
    return State(lambda tenant: limits, 10_000)


def gone(knows: State, now_s: float = NOW_S) -> list[int]:
    """The numbers of those that are let go now."""
    return [waiting.seq for waiting in knows.releases(MODEL, now_s)]


def hold(knows: State, request_id: str, seq: int, now_s: float = NOW_S, **given: Any) -> Waiting:
    """A request that has to wait, and does from now on under the number `seq`."""
    asking = candidate(request_id, **given)
    found = knows.apply(asking, now_s, 0.0)
    assert isinstance(found, Waiting)
    assert gone(knows, now_s) == []
    knows.wait(asking, found, now_s)
    assert knows.held(candidate(request_id, seq, **given), now_s) is Fate.WAITS
    return found
