"""Whether a request may wait."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admitted:
    """It waits. `tokens` are what it reserved."""

    tokens: int


@dataclass(frozen=True, slots=True)
class Refused:
    """End it with an OpenAI error. `retry_after_ms`: when it would be let in. None: never, as it is."""

    status: int
    code: str
    message: str
    retry_after_ms: int | None = None


Verdict = Admitted | Refused
