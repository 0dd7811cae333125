"""Tenants for people and for programs."""

from collections.abc import Mapping

from rich import box
from rich.table import Table

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_cli.figures import UNKNOWN
from tokenlane_cli.tenant.fields import FIELDS, Field, shown

_UNREADABLE = "not readable"
Policies = Mapping[str, TenantPolicy | None]


def policies_table(found: Policies) -> Table | None:
    """A row a tenant, a column for each thing that is set for any of them; None if nothing is."""
    columns = [field for field in FIELDS if any(policy and field.read(policy) for policy in found.values())]
    if not columns and None not in found.values():
        return None
    # All columns fit on 80 characters: the one that gives way is the name.
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("tenant", overflow="fold")
    for field in columns:
        table.add_column(_heading(field), justify="right", no_wrap=True)
    for tenant, policy in found.items():
        if policy is None:
            table.add_row(f"{tenant} ({_UNREADABLE})")
        else:
            table.add_row(tenant, *(_cell(field, policy) for field in columns))
    return table


def policies_json(found: Policies) -> list[dict[str, object]]:
    """Everything that can be set, for each tenant. 0 and null: it is not; null alone: the policy cannot be read."""
    return [
        {"tenant": tenant}
        | {field.key: None if policy is None else field.read(policy) or _nothing(field) for field in FIELDS}
        for tenant, policy in found.items()
    ]


def _heading(field: Field) -> str:
    return field.name.replace("-", "\n") + (f"\n({field.unit})" if field.unit else "")


def _cell(field: Field, policy: TenantPolicy) -> str:
    value = field.read(policy)
    if not value:
        return UNKNOWN
    return _short(value) if isinstance(value, int) else shown(value)


def _short(number: int) -> str:
    """Millions and many thousands, where they are round."""
    if number % 1_000_000 == 0:
        return f"{number // 1_000_000:,}M"
    return f"{number // 1_000}k" if number >= 10_000 and number % 1_000 == 0 else f"{number:,}"


def _nothing(field: Field) -> int | None:
    return None if field.key == "priority" else 0
