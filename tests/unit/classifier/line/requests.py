"""Requests that wait, for tests."""

from tokenlane_classifier.line.waiting import Priority, Waiting

MODEL = "m"


def waiting(
    seq: int,
    tenant: str = "a",
    lane: str = "short",
    fits: str = "short",
    priority: Priority = Priority.STANDARD,
    prompt: int = 100,
    output: int = 50,
    accepted_s: float = 0.0,
    limit_s: float = 1.0,
    prefill_s: float = 0.0,
    deadline_s: float | None = None,
) -> Waiting:
    return Waiting(seq, tenant, lane, fits, MODEL, priority, prompt, output, accepted_s, limit_s, prefill_s, deadline_s)
