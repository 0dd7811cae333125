"""What tenants get where a request does not say, from their bucket."""

import structlog

from tokenlane_proto import codec
from tokenlane_proto.errors import MalformedMessageError


class Tenants:
    """Kept up to date by `changed`, a handler of the bus."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._timeouts_ms: dict[str, int] = {}

    def timeout_ms(self, tenant: str) -> int:
        """Time that a request without a deadline has. Unit: milliseconds. 0: as long as it takes."""
        return self._timeouts_ms.get(tenant, 0)

    def changed(self, tenant: str, value: bytes | None) -> None:
        """A tenant's policy was written or deleted."""
        if value is None:
            self._timeouts_ms.pop(tenant, None)
            return
        try:
            self._timeouts_ms[tenant] = codec.decode_tenant_policy(value).timeout_ms
        except MalformedMessageError as error:
            self._log.warning("tenant policy ignored", tenant=tenant, reason=str(error))
