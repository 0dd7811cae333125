"""Tenants' policies on the bus, and as a table."""

import io
from collections.abc import Mapping

import pytest
from rich.console import Console

from tests.unit.cli.conftest import printed
from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane.v1.request_pb2 import Priority
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_cli.errors import UsageError
from tokenlane_cli.tenant import fields
from tokenlane_cli.tenant.policies import Change, change, read_all, replace
from tokenlane_cli.tenant.table import policies_table
from tokenlane_proto.topology import TENANT_BUCKET

EVERYTHING: dict[str, object] = {
    "timeout": 30,
    "ttft": 0.25,
    "priority": "interactive",
    "weight": 2.5,
    "tokens-in-flight": 1_000_000,
    "tokens-per-minute": 12_000_000,
    "requests-queued": 5_000,
    "context-tokens": 131_072,
}


def policy(values: Mapping[str, object] = EVERYTHING) -> TenantPolicy:
    made = TenantPolicy()
    fields.write(made, values)
    return made


def test_what_is_written_is_read_again() -> None:
    held = policy()
    assert (held.timeout_ms, held.ttft_limit_ms, held.priority) == (30_000, 250, Priority.PRIORITY_INTERACTIVE)
    assert {field.name: field.read(held) for field in fields.FIELDS} == EVERYTHING
    assert policy({"timeout": 16.1, "weight": 0.1}).timeout_ms == 16_100
    assert fields.described(policy({"timeout": 16.1, "weight": 0.1})) == "timeout 16.1 s, weight 0.1"
    assert fields.described(TenantPolicy()) == "nothing is set"


async def test_only_what_is_given_changes_and_what_is_new_here_stays() -> None:
    bus = FakeBus()
    # A field of a later version.
    await bus.put(TENANT_BUCKET, "acme", policy().SerializeToString() + b"\xa0\x06\x07")
    await change(bus, "acme", {"weight": 4, "timeout": 0})
    held = await bus.get(TENANT_BUCKET, "acme")
    assert held is not None
    assert held.endswith(b"\xa0\x06\x07")
    found = (await read_all(bus))["acme"]
    assert found is not None
    assert {field.name: field.read(found) for field in fields.FIELDS} == {**EVERYTHING, "weight": 4, "timeout": 0}


async def test_a_change_that_comes_between_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = FakeBus()
    others: list[dict[str, object]] = [{"priority": "batch"}, {"timeout": 7}]
    update = bus.update

    async def contested(bucket: str, key: str, value: bytes, revision: int) -> bool:
        if others:
            held = policy({**others.pop(), "requests-queued": 9})
            await bus.put(bucket, key, held.SerializeToString())
        return await update(bucket, key, value, revision)

    monkeypatch.setattr(bus, "update", contested)
    changed = await change(bus, "acme", {"weight": 4})
    assert changed == policy({"priority": "batch", "requests-queued": 9, "weight": 4})
    assert await read_all(bus) == {"acme": changed}


async def test_one_who_never_gets_through_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> bool:
        return False

    bus = FakeBus()
    monkeypatch.setattr(bus, "update", refuse)
    with pytest.raises(UsageError, match="acme"):
        await change(bus, "acme", {"weight": 4})


async def test_what_cannot_be_read_is_begun_anew() -> None:
    bus = FakeBus()
    await bus.put(TENANT_BUCKET, "acme", b"\xff\xff")
    assert await read_all(bus) == {"acme": None}
    assert await change(bus, "acme", {"weight": 4}) == policy({"weight": 4})


@pytest.mark.parametrize("prune", [False, True])
async def test_a_file_replaces_what_is_set(prune: bool) -> None:
    bus = FakeBus()
    for tenant in ("same", "other", "old"):
        await change(bus, tenant, EVERYTHING)
    wanted = {"same": policy(), "other": policy({"weight": 2}), "new": TenantPolicy()}
    assert await replace(bus, wanted, prune) == {
        "new": Change.SET,
        "old": Change.DELETED if prune else Change.LEFT,
        "other": Change.SET,
        "same": Change.UNCHANGED,
    }
    assert await read_all(bus) == wanted | ({} if prune else {"old": policy()})
    assert set((await replace(bus, wanted, True)).values()) <= {Change.UNCHANGED, Change.DELETED}


def lines(found: Mapping[str, TenantPolicy | None], width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    table = policies_table(found)
    assert table is not None
    console.print(table)
    return printed(console).splitlines()


def test_a_table_of_everything_fits_80_columns() -> None:
    shown = lines({"acme-production": policy(), "x" * 64: policy({"weight": 1}), "broken": None})
    assert max(map(len, shown)) <= 80
    words = " ".join(shown).split()
    assert {"30", "0.25", "interactive", "2.5", "1M", "12M", "5,000", "131,072"} <= set(words)
    assert "".join(line.split()[0] for line in shown if line.strip().startswith("x")) == "x" * 64
    assert "(not" in words


def test_a_table_has_columns_only_for_what_is_set() -> None:
    shown = lines({"acme": policy({"weight": 2}), "b": TenantPolicy()})
    heading, _, row, other = (line for line in shown if line.strip())
    assert heading.split() == ["tenant", "weight"]
    assert (row.split(), other.split()) == (["acme", "2"], ["b", "\N{EN DASH}"])
    assert policies_table({"b": TenantPolicy()}) is None
