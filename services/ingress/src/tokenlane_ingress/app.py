"""The ASGI application: which path is answered by what."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_ingress import errors
from tokenlane_ingress.asgi import JSON, Receive, Scope, Send, answer, answer_error
from tokenlane_ingress.auth import Keyring
from tokenlane_ingress.completions import Completions
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.metrics import Metrics
from tokenlane_ingress.registry import Registry
from tokenlane_ingress.requests import PREFIX, Requests, request_path

_POST_ROUTES = {
    "/v1/chat/completions": (Endpoint.ENDPOINT_CHAT_COMPLETIONS, "chat_completions"),
    "/v1/completions": (Endpoint.ENDPOINT_COMPLETIONS, "completions"),
}
_MODELS = "/v1/models"
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_METRICS = (b"content-type", CONTENT_TYPE_PLAIN_0_0_4.encode())
_READ_ALLOWS = b"GET, HEAD, OPTIONS"
_POST_ALLOWS = b"POST, OPTIONS"
_REQUEST_ALLOWS = b"GET, HEAD, DELETE, OPTIONS"

App = Callable[[Scope, Receive, Send], Awaitable[None]]


def allowed_methods(path: str) -> bytes | None:
    """The Allow header of a path; None if there is nothing."""
    if path in _POST_ROUTES:
        return _POST_ALLOWS
    request = request_path(path)
    if request is not None:
        return _READ_ALLOWS if request[1] else _REQUEST_ALLOWS
    is_read = path in (_MODELS, "/healthz", "/readyz", "/metrics") or path.startswith(_MODELS + "/")
    return _READ_ALLOWS if is_read else None


@dataclass(frozen=True, slots=True)
class Router:
    """The application. `ready` tells whether requests can be taken right now."""

    completions: Completions
    requests: Requests
    registry: Registry
    keyring: Callable[[], Keyring]
    metrics: Metrics
    collectors: CollectorRegistry
    ready: Callable[[], bool]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        post = _POST_ROUTES.get(path)
        if post is not None and scope["method"] == "POST":
            endpoint, name = post
            status = await self.completions.serve(endpoint, name, scope, receive, send)
        else:
            name = "models" if path.startswith(_MODELS) else "requests" if path.startswith(PREFIX) else "other"
            status = await self._serve_other(scope, receive, send)
        self.metrics.count(name, status)

    async def _serve_other(self, scope: Scope, receive: Receive, send: Send) -> int:
        method, path = scope["method"], scope["path"]
        allowed = allowed_methods(path)
        if allowed is None:
            return await _error(send, errors.unknown_url(method, path))
        if method == "OPTIONS":
            await answer(send, 200, b"", ((b"allow", allowed),))
            return 200
        if method not in allowed.decode().split(", "):
            return await _error(send, errors.wrong_method(method, path, allowed))
        request = request_path(path)
        if request is not None:
            return await self.requests.serve(*request, scope, receive, send)
        if path.startswith(_MODELS):
            return await self._serve_models(scope, send)
        return await self._serve_operator(path, send)

    async def _serve_operator(self, path: str, send: Send) -> int:
        if path == "/metrics":
            await answer(send, 200, generate_latest(self.collectors), (_METRICS,))
            return 200
        healthy = path == "/healthz" or self.ready()
        status, body = (200, b"ok\n") if healthy else (503, b"not ready\n")
        await answer(send, status, body, (_TEXT,))
        return status

    async def _serve_models(self, scope: Scope, send: Send) -> int:
        tenant = self.keyring().tenant_of(dict(scope["headers"]).get(b"authorization"))
        if isinstance(tenant, ErrorAnswer):
            return await _error(send, tenant)
        registry, model = self.registry, unquote(scope["path"][len(_MODELS) + 1 :])
        body = registry.one(model) if model else registry.listing()
        if body is None:
            return await _error(send, errors.unknown_model(model))
        await answer(send, 200, body, (JSON,))
        return 200


async def _error(send: Send, error: ErrorAnswer) -> int:
    await answer_error(send, error)
    return error.status
