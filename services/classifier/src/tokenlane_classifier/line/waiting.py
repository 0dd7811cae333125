"""A request that waits."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from tokenlane_fleet.urgency import due_s
from tokenlane_proto.prefixes import Prefix


class Priority(IntEnum):
    """The smaller goes first. BATCH takes only what would be idle otherwise."""

    INTERACTIVE = 0
    STANDARD = 1
    BATCH = 2


class Place(NamedTuple):
    """A queue: the lane, and the first lane whose engines hold what waits there."""

    lane: str
    fits: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """`seq` is unique. Tokens are the budget. `limit_s` is how long the first token may take from `accepted_s` on, and
    `prefill_s` how much of that the engine needs. Nothing is owed from `deadline_s` on."""

    seq: int
    tenant: str
    lane: str
    fits: str
    model: str
    priority: Priority
    prompt_tokens: int
    output_tokens: int
    accepted_s: float
    limit_s: float
    prefill_s: float = 0.0
    deadline_s: float | None = None
    # Its prompt begins as those do that have the same.
    prefix: Prefix | None = None

    @property
    def place(self) -> Place:
        """Where it waits."""
        return Place(self.lane, self.fits)

    @property
    def tokens(self) -> int:
        """Prompt and output."""
        return self.prompt_tokens + self.output_tokens

    @property
    def due_s(self) -> float:
        """When its first token must be there."""
        return due_s(self.accepted_s, self.limit_s)

    @property
    def start_s(self) -> float:
        """The latest start with which that is so."""
        return self.due_s - self.prefill_s
