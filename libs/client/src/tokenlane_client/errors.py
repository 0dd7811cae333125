"""The error tree of the client.

TokenlaneError
├── RequestFailed       the answer is an error; it has the HTTP status and OpenAI's fields
├── Cancelled           somebody cancelled the request
├── DeadlineExceeded    its time ran out
├── Conflict            its idempotency key stands for another body, or its stream cannot be continued
└── BusUnavailable      the bus did not answer in time; asking again with the same idempotency key is safe
"""

from tokenlane_client import failure
from tokenlane_client.failure import Failure

BUS_UNAVAILABLE = "bus_unavailable"


class TokenlaneError(Exception):
    """Base of what the client raises. `request_id` is empty where there is no request yet. `retry_after_s`: when the
    request would be let in, None where that was not said. Unit: seconds from the refusal on."""

    def __init__(self, message: str, request_id: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.retry_after_s = retry_after_s


class RequestFailed(TokenlaneError):
    """The answer is an error. `status` is HTTP's; `type`, `code` and `param` are OpenAI's."""

    def __init__(self, failed: Failure, request_id: str = "") -> None:
        text = f"{failed.message} (status {failed.status}, {failed.code or failed.type})"
        super().__init__(text, request_id, _seconds(failed.retry_after_ms))
        self.status = failed.status
        self.message = failed.message
        self.type = failed.type
        self.code = failed.code
        self.param = failed.param


class Cancelled(TokenlaneError):
    """Somebody cancelled the request."""


class DeadlineExceeded(TokenlaneError):
    """The request's time ran out."""


class Conflict(TokenlaneError):
    """The idempotency key stands for another body, or what was shown of a stream cannot be continued."""


class BusUnavailable(TokenlaneError):
    """The bus did not answer in time; whether it has the request is unknown."""


_BY_CODE: dict[str | None, type[Cancelled | DeadlineExceeded | Conflict | BusUnavailable]] = {
    failure.CANCELLED: Cancelled,
    failure.DEADLINE_EXCEEDED: DeadlineExceeded,
    failure.KEY_REUSED: Conflict,
    failure.STREAM_DIVERGED: Conflict,
    BUS_UNAVAILABLE: BusUnavailable,
}
_BY_STATUS = {499: Cancelled, 504: DeadlineExceeded}


def error_of(failed: Failure, request_id: str) -> TokenlaneError:
    """The exception for a failure."""
    kind = _BY_CODE.get(failed.code) or _BY_STATUS.get(failed.status)
    if kind is None:
        return RequestFailed(failed, request_id)
    return kind(failed.message, request_id, _seconds(failed.retry_after_ms))


def _seconds(retry_after_ms: int) -> float | None:
    return retry_after_ms / 1000 if retry_after_ms else None
