"""From a POST to an admitted request: whose it is, whether it can run, how long it may take."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_ingress import accept, errors
from tokenlane_ingress.asgi import Receive, read_body
from tokenlane_ingress.auth import Keyring
from tokenlane_ingress.envelope import Admitted
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.policies import Policies
from tokenlane_ingress.registry import Registry
from tokenlane_proto import subjects


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one request."""

    max_body_bytes: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Admission:
    """The checks at the door. `keyring` is asked for each request, for it may be replaced."""

    keyring: Callable[[], Keyring]
    registry: Registry
    policies: Policies
    limits: Limits

    async def admit(
        self, endpoint: Endpoint, headers: Mapping[bytes, bytes], receive: Receive
    ) -> Admitted | ErrorAnswer:
        """The request, or what is wrong with it. Raises ClientGoneError."""
        tenant = self.keyring().tenant_of(headers.get(b"authorization"))
        if isinstance(tenant, ErrorAnswer):
            return tenant
        limit = self.limits.max_body_bytes
        if too_long := accept.check_length(headers.get(b"content-length"), limit):
            return too_long
        default_ms = self.policies.timeouts_ms.get(tenant, 0)
        wishes = accept.wishes(headers, self.limits.timeout_ms, default_ms)
        if isinstance(wishes, ErrorAnswer):
            return wishes
        body = await read_body(receive, limit)
        if isinstance(body, ErrorAnswer):
            return body
        if not body and b"upgrade" in headers:
            return errors.upgrade_refused()
        facts = accept.check_body(body, endpoint, self.registry.limits)
        if isinstance(facts, ErrorAnswer):
            return facts
        client_id = accept.client_request_id(headers.get(b"x-request-id"))
        admitted = Admitted(tenant, endpoint, body, facts, wishes, client_id)
        return _under_key(admitted, headers) if b"idempotency-key" in headers else admitted


def _under_key(admitted: Admitted, headers: Mapping[bytes, bytes]) -> Admitted | ErrorAnswer:
    key = accept.idempotency_key(headers[b"idempotency-key"])
    if isinstance(key, ErrorAnswer):
        return key
    after = accept.last_event(headers.get(b"last-event-id"))
    if isinstance(after, ErrorAnswer):
        return after
    return admitted._replace(
        request_id=subjects.keyed_id(key), key=key, body_sha256=hashlib.sha256(admitted.body).digest(), after=after
    )
