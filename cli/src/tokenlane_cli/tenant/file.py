"""Tenants from a TOML file: tables [tenants.NAME] with what `tenant set` has as flags."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_cli.errors import UsageError
from tokenlane_cli.tenant.fields import FIELDS, NAMES
from tokenlane_proto.subjects import is_token

_TABLE = "tenants"


def read_policies(path: Path) -> dict[str, TenantPolicy]:
    """The policy of each tenant; what its table does not name is not set. Raises UsageError, which names all that is
    wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    policies: dict[str, TenantPolicy] = {}
    wrong = list(_read(document, policies))
    if wrong:
        raise UsageError(f"{path}: {'; '.join(wrong)}")
    return policies


def _read(document: dict[str, object], policies: dict[str, TenantPolicy]) -> Iterator[str]:
    """Fill `policies`, and tell what is wrong."""
    for name in document:
        if name != _TABLE:
            yield f"{name!r} is unknown: tenants are tables [{_TABLE}.NAME]"
    tables = document.get(_TABLE)
    if not isinstance(tables, dict):
        yield f"holds no table [{_TABLE}]"
        return
    for tenant, table in tables.items():
        if not is_token(tenant):
            yield f"{tenant!r} is not the name of a tenant: 1 to 64 characters of [A-Za-z0-9_-]"
        elif not isinstance(table, dict):
            yield f"{_TABLE}.{tenant} is not a table"
        else:
            policies[tenant] = TenantPolicy()
            yield from _read_table(tenant, table, policies[tenant])


def _read_table(tenant: str, table: dict[str, object], policy: TenantPolicy) -> Iterator[str]:
    for name in table:
        if name not in NAMES:
            yield f"{_TABLE}.{tenant}: {name!r} is unknown, there are {', '.join(NAMES)}"
    for field in FIELDS:
        if field.name in table:
            try:
                field.write(policy, table[field.name])
            except UsageError as error:
                yield f"{_TABLE}.{tenant}: {error}"
