"""What each tenant gets where its requests do not say."""

import structlog

from tokenlane_proto.codec import decode_tenant_policy
from tokenlane_proto.errors import MalformedMessageError


class Policies:
    """Follows the bucket of tenants: pass `update` to `Bus.watch`."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        # Time that a tenant's request has if it does not say. 0: none set. Unit: milliseconds.
        self.timeouts_ms: dict[str, int] = {}

    def update(self, tenant: str, value: bytes | None) -> None:
        """A tenant's policy was written, or deleted (None)."""
        if value is None:
            self.timeouts_ms.pop(tenant, None)
            return
        try:
            self.timeouts_ms[tenant] = decode_tenant_policy(value).timeout_ms
        except MalformedMessageError as error:
            self._log.warning("tenant policy ignored", tenant=tenant, error=str(error))
