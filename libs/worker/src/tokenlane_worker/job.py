"""A delivery of the lane, understood."""

from dataclasses import dataclass, field

from tokenlane.v1.request_pb2 import Endpoint, Request
from tokenlane_chassis.bus import Delivery
from tokenlane_proto import codec, subjects
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_worker.credit import Capacity, Cost, cost_of

_PATHS = {
    Endpoint.ENDPOINT_CHAT_COMPLETIONS: "/v1/chat/completions",
    Endpoint.ENDPOINT_COMPLETIONS: "/v1/completions",
}


@dataclass(slots=True, eq=False)
class Job:
    """One attempt at one request."""

    delivery: Delivery
    tenant: str
    request: Request
    cost: Cost
    cancelled: bool = field(default=False)

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
        return self.request.classification.prompt_tokens + self.request.classification.output_tokens


def read_job(delivery: Delivery, capacity: Capacity) -> Job:
    """The job in a delivery. Raises MalformedMessageError."""
    tenant = subjects.parse_lane(delivery.subject).tenant
    request = codec.decode_request(delivery.data)
    if not request.HasField("classification"):
        raise MalformedMessageError("the request has no classification")
    given = request.classification
    cost = cost_of(given.prompt_tokens, given.output_tokens, request.facts.choices, capacity)
    return Job(delivery, tenant, request, cost)


def is_expired(request: Request, now_ms: int) -> bool:
    """Whether the deadline has passed."""
    return 0 < request.deadline_unix_ms <= now_ms
