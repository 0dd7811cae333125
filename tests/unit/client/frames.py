"""Answers as frames, for tests of their readers."""

from collections.abc import Sequence

from tokenlane.v1.reply_pb2 import Frame, Head, Outcome, Terminal

JSON_HEAD = Head(http_status=200, content_type="application/json", lane="short", budget_tokens=96, queue_wait_us=1_500)
SSE_HEAD = Head(http_status=200, content_type="text/event-stream; charset=utf-8", lane="short", budget_tokens=96)
DONE = Terminal(outcome=Outcome.OUTCOME_COMPLETED)
FAILED = Terminal(outcome=Outcome.OUTCOME_FAILED, reason="the engine broke")


def event(text: str) -> bytes:
    """One server-sent event."""
    return f"data: {text}\n\n".encode()


def whole(data: bytes, head: Head = JSON_HEAD, attempt: int = 1) -> Frame:
    """An answer that is not streamed."""
    return Frame(attempt=attempt, head=head, data=data, terminal=DONE)


def stored_elsewhere(attempt: int = 1) -> Frame:
    """The end of an answer that the reader finds in the store."""
    return Frame(attempt=attempt, terminal=DONE)


def stream(
    events: Sequence[bytes], *, attempt: int = 1, first_event: int = 0, end: Terminal | None = DONE, cut: int = 1
) -> list[Frame]:
    """What an attempt sends of an answer of `events` from number `first_event` on, `cut` events a frame."""
    frames = [
        Frame(attempt=attempt, seq=seq, first_event=at, data=b"".join(events[at : at + cut]))
        for seq, at in enumerate(range(first_event, len(events), cut))
    ]
    frames = frames or [Frame(attempt=attempt, first_event=first_event)]
    frames[0].head.CopyFrom(SSE_HEAD)
    if end is not None:
        frames[-1].terminal.CopyFrom(end)
    return frames
