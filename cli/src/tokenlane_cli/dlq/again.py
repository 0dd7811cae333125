"""What a dead letter's request looks like when it is sent again. Pure."""

from tokenlane.v1.recovery_pb2 import DeadLetter
from tokenlane.v1.request_pb2 import Request


def again(request: Request, now_unix_ms: int) -> Request:
    """The request as if it were accepted now: no lane, no attempts, and the time that it had at first."""
    fresh = Request()
    fresh.CopyFrom(request)
    for what in ("classification", "attempts_before", "too_short_tokens", "moved"):
        fresh.ClearField(what)
    fresh.accepted_unix_ms = now_unix_ms
    allowed_ms = request.deadline_unix_ms - request.accepted_unix_ms if request.accepted_unix_ms else 0
    fresh.deadline_unix_ms = now_unix_ms + allowed_ms if request.deadline_unix_ms and allowed_ms > 0 else 0
    return fresh


def message_id(tenant: str, letter: DeadLetter) -> str:
    """Differs from that of every earlier publication, and is the same for the same letter."""
    return f"{tenant}.{letter.request.request_id}.again-{letter.died_unix_ms}"
