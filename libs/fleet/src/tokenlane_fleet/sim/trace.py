"""A trace as arrays: when requests come and how long they are."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tokenlane_fleet.errors import TraceError

Seconds = NDArray[np.float64]
Tokens = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in the order of their arrival. Arrays of one length; raises TraceError where they cannot be a trace.

    `arrival_s` ascends from any start; `prompt_tokens` and `output_tokens` are at least 1.
    """

    name: str
    arrival_s: Seconds
    prompt_tokens: Tokens
    output_tokens: Tokens

    def __post_init__(self) -> None:
        if not len(self.arrival_s) == len(self.prompt_tokens) == len(self.output_tokens):
            raise TraceError(f"{self.name}: the columns differ in length")
        if not len(self.arrival_s):
            raise TraceError(f"{self.name}: no request in it")
        if not np.isfinite(self.arrival_s).all() or (np.diff(self.arrival_s) < 0).any():
            raise TraceError(f"{self.name}: arrival times must be finite and ascend")
        if self.prompt_tokens.min() < 1 or self.output_tokens.min() < 1:
            raise TraceError(f"{self.name}: a request needs at least one prompt token and one output token")

    def __len__(self) -> int:
        return len(self.arrival_s)

    @property
    def total_tokens(self) -> Tokens:
        """Prompt and output, by request."""
        return self.prompt_tokens + self.output_tokens

    @property
    def duration_s(self) -> float:
        """From the first arrival to the last."""
        return float(self.arrival_s[-1] - self.arrival_s[0])

    @property
    def rate(self) -> float:
        """Requests a second; 0 where all come at once."""
        return (len(self) - 1) / self.duration_s if self.duration_s else 0.0

    def at_rate(self, rate: float) -> "Trace":
        """The same requests in the same pattern, with time stretched to `rate` requests a second."""
        if not rate > 0 or not self.duration_s:
            raise TraceError(f"{self.name}: cannot be brought to {rate:g} requests a second")
        began = self.arrival_s[0]
        return replace(self, arrival_s=(self.arrival_s - began) * (self.rate / rate))

    def only(self, chosen: NDArray[np.bool_]) -> "Trace":
        """The requests where `chosen` is true, at their times."""
        return Trace(self.name, self.arrival_s[chosen], self.prompt_tokens[chosen], self.output_tokens[chosen])
