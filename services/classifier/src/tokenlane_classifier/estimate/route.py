"""Which requests are alike."""

from typing import NamedTuple

from tokenlane.v1.request_pb2 import Facts


class Route(NamedTuple):
    """What the output of a request is learned by. `system_hash` and `tools_hash`: 0 where there are none;
    `max_output_tokens`, for each choice: 0 where the client set none."""

    tenant: str
    model: str
    endpoint: int
    system_hash: int
    tools_hash: int
    max_output_tokens: int


def route_of(tenant: str, endpoint: int, facts: Facts) -> Route:
    """The route of a request with these facts."""
    return Route(tenant, facts.model, endpoint, facts.system_hash, facts.tools_hash, facts.max_output_tokens)
