"""`tokenlane tenant`."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import uvloop
from rich.console import Console

from tokenlane.v1.recovery_pb2 import TenantPolicy
from tokenlane_chassis.bus import Bus
from tokenlane_cli import flags, local_defaults
from tokenlane_cli.errors import UsageError
from tokenlane_cli.operating import bus_url, open_bus
from tokenlane_cli.tenant.fields import NAMES, described, write
from tokenlane_cli.tenant.file import read_policies
from tokenlane_cli.tenant.policies import change, read_all, replace
from tokenlane_cli.tenant.table import policies_json, policies_table
from tokenlane_proto.subjects import is_token

T = TypeVar("T")

tenant = typer.Typer(
    name="tenant",
    help="Tenants: what they may take, and what their requests get that do not say.",
    no_args_is_help=True,
)

DataDir = Annotated[Path, typer.Option(help="Where to look for a running stack.")]
_HERE = Path(local_defaults.DATA_DIR)


@tenant.command("set")
def set_policy(
    name: Annotated[str, typer.Argument(help="The tenant.")],
    timeout: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="For requests without a deadline of their own; 0: no limit."),
    ] = None,
    ttft: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Time to first token of requests that do not say; 0: that of their kind."),
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(metavar="PRIORITY", help="Of requests that do not say: interactive, standard or batch."),
    ] = None,
    weight: Annotated[
        float | None, typer.Option(help="Share of the engines against other tenants'; 0: 1, as by default.")
    ] = None,
    tokens_in_flight: Annotated[
        int | None, typer.Option(metavar="TOKENS", help="Budget of all that runs at once; 0: any.")
    ] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option(metavar="TOKENS", help="Budget that may begin in a minute; 0: any.")
    ] = None,
    requests_queued: Annotated[
        int | None, typer.Option(metavar="REQUESTS", help="Requests that may wait; 0: any number.")
    ] = None,
    context_tokens: Annotated[
        int | None, typer.Option(metavar="TOKENS", help="Prompt and max_tokens; 0: what the engines hold.")
    ] = None,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Set what a tenant gets. Only what is given changes. It holds at once, for requests that come from now on."""
    if not is_token(name):
        raise UsageError(f"{name!r} is not the name of a tenant: 1 to 64 characters of [A-Za-z0-9_-]")
    given = {
        "timeout": timeout,
        "ttft": ttft,
        "priority": priority,
        "weight": weight,
        "tokens-in-flight": tokens_in_flight,
        "tokens-per-minute": tokens_per_minute,
        "requests-queued": requests_queued,
        "context-tokens": context_tokens,
    }
    values = {each: value for each, value in given.items() if value is not None}
    if not values:
        raise UsageError(f"name what to set: {', '.join('--' + each for each in NAMES)}")
    try:
        write(TenantPolicy(), values)
    except UsageError as error:
        raise UsageError(f"--{error}") from None
    policy = _on_bus(lambda bus: change(bus, name, values), nats_url, nats_creds, data_dir)
    print(f"{name}: {described(policy)}")


@tenant.command("list")
def list_policies(
    as_json: flags.AsJson = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Show the tenants for which something was set."""
    found = _on_bus(read_all, nats_url, nats_creds, data_dir)
    if as_json:
        print(json.dumps(policies_json(found), indent=2))
        return
    table = policies_table(found)
    if table is None:
        print("nothing is set for any tenant")
    else:
        Console().print(table)


@tenant.command("apply")
def apply_file(
    file: Annotated[Path, typer.Argument(help="TOML: tables [tenants.NAME] with the names of the flags of `set`.")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what is set for tenants that it does not name.")
    ] = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Make the tenants of a file have what it says and nothing else. It holds at once."""
    wanted = read_policies(file)
    for name, changed in _on_bus(lambda bus: replace(bus, wanted, prune), nats_url, nats_creds, data_dir).items():
        print(f"{name}: {changed.value}")


def _on_bus(work: Callable[[Bus], Awaitable[T]], nats_url: str, nats_creds: Path | None, data_dir: Path) -> T:
    async def run() -> T:
        async with open_bus(bus_url(nats_url, data_dir), nats_creds) as bus:
            return await work(bus)

    return uvloop.run(run())
