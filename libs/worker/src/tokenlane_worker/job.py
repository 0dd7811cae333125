"""A delivery of the lane, understood, and how far the work on it is."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokenlane.v1.recovery_pb2 import Attach, AttemptEnd
from tokenlane.v1.request_pb2 import Endpoint, Request
from tokenlane_chassis.bus import Delivery
from tokenlane_proto import codec, subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.credit import Capacity, Cost, cost_of
from tokenlane_worker.decision import Stop
from tokenlane_worker.listeners import Listeners
from tokenlane_worker.prefixes import NO_SHARE, Share

if TYPE_CHECKING:
    from tokenlane_worker.answer import Answer
    from tokenlane_worker.checkpointing import Checkpoints

_UINT32_MAX = 2**32 - 1
_PATHS = {
    Endpoint.ENDPOINT_CHAT_COMPLETIONS: "/v1/chat/completions",
    Endpoint.ENDPOINT_COMPLETIONS: "/v1/completions",
}


def _nothing(*_: int) -> None:
    """Nobody asked."""


@dataclass(slots=True, eq=False)
class Job:
    """One attempt at one request."""

    delivery: Delivery
    tenant: str
    request: Request
    cost: Cost
    listeners: Listeners
    # The lane that it waited in.
    lane: str
    # Number of the attempt.
    attempt: int
    # Readers that attached before there was an answer.
    early: list[Attach] = field(default_factory=list)
    # How earlier attempts ended, and how many of them failed.
    history: tuple[AttemptEnd, ...] = ()
    failed: int = 0
    # Something may be stored of its progress.
    recorded: bool = False
    answer: "Answer | None" = None
    checkpoints: "Checkpoints | None" = None
    stopped: Stop | None = None
    reason: str = ""
    # How long it should stay in the lane, once it is given back. Unit: seconds.
    delay_s: float = 0.0
    # Tells that its prompt is computed. Called any number of times.
    prefilled: Callable[[], None] = _nothing
    # Tells tokens of its prompt, and how many of them were in the engine's prefix cache. Called once, or never.
    cached: Callable[[int, int], None] = _nothing
    # What it is thought to share with others.
    share: Share = NO_SHARE
    # Its outcome is decided: only the loss of the claim stops it now.
    decided: bool = False
    # It is being put into another lane, where somebody may claim it before it is known here that it arrived.
    leaving: bool = False
    # When it began to run, by the monotonic clock. Unit: seconds.
    began_s: float | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[str, str]:
        """Names the request on the whole bus."""
        return (self.tenant, self.request.request_id)

    @property
    def path(self) -> str:
        """Path of the OpenAI API."""
        return _PATHS[self.request.endpoint]

    @property
    def budget_tokens(self) -> int:
        """The classifier's token budget."""
        given = self.request.classification
        return min(given.prompt_tokens + given.output_tokens, _UINT32_MAX)

    @property
    def body_bytes(self) -> int:
        """Length of the OpenAI body, wherever it is."""
        return len(self.request.body) or self.request.body_ref.size

    def stop(self, why: Stop, reason: str = "") -> None:
        """Stop the attempt. Too late for anything but the loss of the claim once the outcome is decided, and for that
        too once it leaves."""
        if self.leaving or (why is not Stop.LOST and (self.decided or self.stopped is not None)):
            return
        self.stopped, self.reason = why, reason
        self.interrupt()

    def interrupt(self) -> None:
        """Wake the task of a stopped attempt. One that has not taken its first step is not cancelled, or it would take
        none at all; it looks at `stopped` itself."""
        if self.task is not None and self.began_s is not None:
            self.task.cancel()


def read_job(delivery: Delivery, capacity: Capacity) -> Job:
    """The job in a delivery. Raises MalformedMessageError."""
    place = subjects.parse_lane(delivery.subject)
    request = codec.decode_request(delivery.data)
    if not request.HasField("classification"):
        raise MalformedMessageError("the request has no classification")
    given = request.classification
    cost = cost_of(given.prompt_tokens, given.output_tokens, request.facts.choices, capacity)
    attempt = request.attempts_before + delivery.attempt
    listeners = Listeners(place.tenant, request)
    return Job(delivery, place.tenant, request, cost, listeners, place.lane, attempt)


def is_expired(request: Request, now_ms: int) -> bool:
    """Whether the deadline has passed."""
    return 0 < request.deadline_unix_ms <= now_ms


def left_s(request: Request, now_ms: int) -> float | None:
    """Seconds until the deadline, None if there is none."""
    if not request.deadline_unix_ms:
        return None
    return (request.deadline_unix_ms - now_ms) / 1000
