"""Errors in OpenAI's shape, as values: `{"error": {"message", "type", "param", "code"}}`."""

from dataclasses import dataclass

import msgspec

from tokenlane_client.failure import CANCELLED, DEADLINE_EXCEEDED, INVALID_REQUEST, SERVER_ERROR, Failure

SHUTTING_DOWN = "shutting_down"
BUS_UNAVAILABLE = "bus_unavailable"


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An answer that is an error. `retry_after_ms`: as in `Failure`."""

    status: int
    message: str
    type: str = INVALID_REQUEST
    code: str | None = None
    param: str | None = None
    retry_after_ms: int = 0
    # In the order of `Failure` up to here.
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def body(self) -> bytes:
        """The JSON body."""
        fields = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": fields})


def invalid(message: str, param: str | None = None) -> ErrorAnswer:
    """400: the request is wrong in itself."""
    return ErrorAnswer(400, message, param=param)


def missing_key() -> ErrorAnswer:
    """401: nothing to authenticate with."""
    text = "You didn't provide an API key. Provide it in an Authorization header: Authorization: Bearer YOUR_KEY"
    return ErrorAnswer(401, text, headers=((b"www-authenticate", b"Bearer"),))


def wrong_key() -> ErrorAnswer:
    """401: a key that nobody has."""
    return ErrorAnswer(
        401, "Incorrect API key provided.", code="invalid_api_key", headers=((b"www-authenticate", b"Bearer"),)
    )


def unknown_url(method: str, path: str) -> ErrorAnswer:
    """404: no such path."""
    return ErrorAnswer(404, f"Invalid URL ({method} {path})", code="unknown_url")


def wrong_method(method: str, path: str, allowed: bytes) -> ErrorAnswer:
    """405: the path is there, the method is not."""
    return ErrorAnswer(
        405, f"Not allowed to {method} on {path}.", code="method_not_supported", headers=((b"allow", allowed),)
    )


def unknown_model(model: str) -> ErrorAnswer:
    """404: no lane serves it."""
    text = f"The model `{model}` does not exist or you do not have access to it."
    return ErrorAnswer(404, text, code="model_not_found", param="model")


def context_exceeded(asked: int, limit: int, param: str) -> ErrorAnswer:
    """400: more output tokens than any lane's context holds."""
    text = f"{param} is too large: {asked}. This model's maximum context length is {limit} tokens."
    return ErrorAnswer(400, text, code="context_length_exceeded", param=param)


def upgrade_refused() -> ErrorAnswer:
    """400: the HTTP parser takes what follows an Upgrade header for another protocol, so the body is gone."""
    text = "The connection cannot be upgraded. Ask over plain HTTP/1.1, without an Upgrade header."
    return ErrorAnswer(400, text, code="upgrade_refused", headers=((b"connection", b"close"),))


def body_too_large(limit: int) -> ErrorAnswer:
    """413: the body is over the limit in bytes."""
    return ErrorAnswer(413, f"The request body exceeds the limit of {limit} bytes.", code="request_too_large")


def body_too_slow() -> ErrorAnswer:
    """408: the body did not arrive."""
    return ErrorAnswer(408, "The request body did not arrive in time.", headers=((b"connection", b"close"),))


def request_id_in_use(request_id: str) -> ErrorAnswer:
    """409: an id names one request."""
    text = f"A request with x-request-id {request_id} was accepted already. Use another id."
    return ErrorAnswer(409, text, code="request_id_in_use", param="x-request-id")


def queue_full() -> ErrorAnswer:
    """429: the stream's limits refuse more."""
    text = "The queue is full. Try again later."
    return ErrorAnswer(429, text, "rate_limit_error", "queue_full")


def bus_unavailable() -> ErrorAnswer:
    """503: the bus did not take the request."""
    text = "The request could not be queued. Try again."
    return ErrorAnswer(503, text, SERVER_ERROR, BUS_UNAVAILABLE)


def unknown_request(request_id: str) -> ErrorAnswer:
    """404: nobody knows the id."""
    text = f"No request `{request_id}` is known. A result is kept for an hour."
    return ErrorAnswer(404, text, code="request_not_found", param="id")


def of(failure: Failure) -> ErrorAnswer:
    """The answer that tells why a request failed."""
    return ErrorAnswer(*failure)


def shutting_down() -> Failure:
    """503: this process ends before the answer."""
    return Failure(503, "The server is shutting down. Try again.", SERVER_ERROR, SHUTTING_DOWN)


def deadline_exceeded() -> Failure:
    """504: the answer would come too late."""
    return Failure(504, "The request's deadline passed.", SERVER_ERROR, DEADLINE_EXCEEDED)


def wait_exceeded() -> Failure:
    """504: the answer did not come while this reader waited; the request goes on."""
    text = "The answer is not there yet. Ask for it again."
    return Failure(504, text, SERVER_ERROR, "wait_exceeded")


def result_gone() -> Failure:
    """410: the key's request was answered, too long ago."""
    text = (
        "The request with this idempotency key was answered before, and its answer is not kept any more. Use another."
    )
    return Failure(410, text, INVALID_REQUEST, "result_gone", "Idempotency-Key")


def cancelled() -> Failure:
    """499: somebody asked for it."""
    return Failure(499, "The request was cancelled.", INVALID_REQUEST, CANCELLED)
