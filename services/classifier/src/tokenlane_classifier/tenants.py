"""What tenants get and may take, from their bucket."""

from collections.abc import Callable

import structlog

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_proto import codec
from tokenlane_proto.errors import MalformedMessageError

_NONE = TenantPolicy()


class Tenants:
    """Kept up to date by `changed`, a handler of the bus. `on_change` is told the tenant of each change."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        self._log = log
        self._policies: dict[str, TenantPolicy] = {}
        self.on_change: Callable[[str], None] = _nothing

    def policy(self, tenant: str) -> TenantPolicy:
        """All zeros where there is none."""
        return self._policies.get(tenant, _NONE)

    def timeout_ms(self, tenant: str) -> int:
        """Time that a request without a deadline has. Unit: milliseconds. 0: as long as it takes."""
        return self.policy(tenant).timeout_ms

    def changed(self, tenant: str, value: bytes | None) -> None:
        """A tenant's policy was written or deleted."""
        if value is None:
            self._policies.pop(tenant, None)
        else:
            try:
                self._policies[tenant] = codec.decode_tenant_policy(value)
            except MalformedMessageError as error:
                self._log.warning("tenant policy ignored", tenant=tenant, reason=str(error))
                return
        self.on_change(tenant)


def _nothing(tenant: str) -> None:
    """Nobody asked."""
