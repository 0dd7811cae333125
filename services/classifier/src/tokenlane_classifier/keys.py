"""What an idempotency key stands for: the request that first used it. Pure."""

from enum import Enum, auto

from tokenlane.v1.recovery_pb2 import KeyRecord
from tokenlane.v1.request_pb2 import Request


class Standing(Enum):
    """How a request stands to the first one with its key."""

    # It is the first one, perhaps delivered again.
    FIRST = auto()
    # The first one's publisher published it again, not knowing that it was stored.
    COPY = auto()
    # Somebody asked for the same again.
    REPETITION = auto()
    # Another body.
    CONFLICT = auto()


def record_of(request: Request, requests_seq: int) -> KeyRecord:
    """What is kept of the first request with a key. `requests_seq`: its sequence in the stream of requests."""
    return KeyRecord(
        body_sha256=request.body_sha256, requests_seq=requests_seq, accepted_unix_ms=request.accepted_unix_ms
    )


def standing(first: KeyRecord | None, own: KeyRecord) -> Standing:
    """How the request of `own` stands to the one of `first`; None: the key was not used before."""
    if first is None or first.requests_seq == own.requests_seq:
        return Standing.FIRST
    if first.body_sha256 != own.body_sha256:
        return Standing.CONFLICT
    return Standing.COPY if first.accepted_unix_ms == own.accepted_unix_ms else Standing.REPETITION


def is_gone(first: KeyRecord, results_kept_s: float, now_unix_ms: int) -> bool:
    """Whether the first request's result may have been kept and dropped since: it is older than results become."""
    return now_unix_ms - first.accepted_unix_ms > results_kept_s * 1_000
