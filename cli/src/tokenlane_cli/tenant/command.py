"""`tokenlane tenant`."""

import json
import math
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich import box
from rich.console import Console
from rich.table import Table

from tokenlane_cli import flags, local_defaults
from tokenlane_cli.errors import UsageError
from tokenlane_cli.operating import bus_url, open_bus
from tokenlane_cli.tenant.policies import set_timeout, timeouts_s
from tokenlane_proto.subjects import is_token

tenant = typer.Typer(
    name="tenant", help="Tenants: what their requests get where they do not say.", no_args_is_help=True
)

# A week: longer than dead letters are kept.
_LONGEST_S = 7 * 86_400

DataDir = Annotated[Path, typer.Option(help="Where to look for a running stack.")]
_HERE = Path(local_defaults.DATA_DIR)


@tenant.command("set")
def set_policy(
    name: Annotated[str, typer.Argument(help="The tenant.")],
    timeout: Annotated[
        float,
        typer.Option(
            min=0, max=_LONGEST_S, metavar="SECONDS", help="For requests without a deadline of their own; 0: no limit."
        ),
    ],
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Set what a tenant gets. It holds at once, for requests that come from now on."""
    if not is_token(name):
        raise UsageError(f"{name!r} is not the name of a tenant: 1 to 64 characters of [A-Za-z0-9_-]")

    async def run() -> None:
        async with open_bus(bus_url(nats_url, data_dir), nats_creds) as bus:
            await set_timeout(bus, name, timeout)
        print(f"{name}: requests without a deadline have {_said(timeout)}")

    uvloop.run(run())


@tenant.command("list")
def list_policies(
    as_json: flags.AsJson = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Show the tenants for which something was set."""

    async def run() -> dict[str, float]:
        async with open_bus(bus_url(nats_url, data_dir), nats_creds) as bus:
            return await timeouts_s(bus)

    found = uvloop.run(run())
    if as_json:
        print(
            json.dumps([{"tenant": name, "timeout_s": _number(seconds)} for name, seconds in found.items()], indent=2)
        )
    elif found:
        Console().print(_table(found))
    else:
        print("nothing is set for any tenant")


def _table(found: dict[str, float]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True)
    table.add_column("tenant", no_wrap=True)
    table.add_column("without a deadline", justify="right", no_wrap=True)
    for name, seconds in found.items():
        table.add_row(name, _said(seconds))
    return table


def _said(seconds: float) -> str:
    if math.isnan(seconds):
        return "not readable"
    return f"{seconds:,.10g} s" if seconds else "no limit"


def _number(seconds: float) -> float | None:
    return None if math.isnan(seconds) else seconds
