"""What the door checks before it accepts a request. Pure: each check returns what it read, or the error to answer."""

from collections.abc import Mapping

from tokenlane.v1.request_pb2 import Endpoint, Facts
from tokenlane_ingress import errors
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.openai_body import read_facts
from tokenlane_proto.subjects import is_token

TIMEOUT_HEADER = "x-tokenlane-timeout-ms"
_SAMPLED = 1


def check_body(body: bytes, endpoint: Endpoint, limits: Mapping[str, int]) -> Facts | ErrorAnswer:
    """The facts of a body that some lane can run. `limits`: the longest context by model, in tokens."""
    try:
        facts = read_facts(body, endpoint)[1]
    except MalformedMessageError as error:
        return errors.invalid(str(error), error.param)
    limit = limits.get(facts.model)
    if limit is None:
        return errors.unknown_model(facts.model)
    if facts.max_output_tokens > limit:
        param = "max_completion_tokens" if b'"max_completion_tokens"' in body else "max_tokens"
        return errors.context_exceeded(facts.max_output_tokens, limit, param)
    return facts


def check_length(content_length: bytes | None, limit: int) -> ErrorAnswer | None:
    """The error for a body that announces itself as too long. `limit` in bytes."""
    if content_length is not None and int(content_length) > limit:
        return errors.body_too_large(limit)
    return None


def client_request_id(header: bytes | None) -> str | None:
    """The client's own id for the request, where it is one that the bus can carry."""
    if header is None:
        return None
    text = header.decode("latin-1")
    return text if is_token(text) else None


def timeout_ms(header: bytes | None, limit_ms: int) -> int | ErrorAnswer:
    """How long the client will wait, at most `limit_ms`. Unit: milliseconds."""
    if header is None:
        return limit_ms
    if not header.isdigit() or len(header) > 12 or int(header) == 0:
        return errors.invalid(f"{TIMEOUT_HEADER} must be a positive number of milliseconds", TIMEOUT_HEADER)
    return min(int(header), limit_ms)


def sampled_traceparent(header: bytes | None) -> str | None:
    """The client's W3C trace context, if it is recorded."""
    if header is None or len(header) != 55 or not header.isascii():
        return None
    text = header.decode()
    try:
        return text if int(text[53:], 16) & _SAMPLED else None
    except ValueError:
        return None
