"""`tokenlane dlq`."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from tokenlane.v1.recovery_pb2 import DeadLetter
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.clock import unix_ms
from tokenlane_cli import flags, local_defaults
from tokenlane_cli.dlq import letters
from tokenlane_cli.dlq.described import details, summary
from tokenlane_cli.dlq.letters import ANY, Key
from tokenlane_cli.dlq.table import letter_lines, letters_table
from tokenlane_cli.errors import UsageError
from tokenlane_cli.operating import bus_url, open_bus
from tokenlane_proto.subjects import is_token

dlq = typer.Typer(
    name="dlq", help="Dead letters: requests that were given up, each with why and after what.", no_args_is_help=True
)

Tenant = Annotated[str, typer.Option(help="Only this tenant's.", show_default="all tenants'")]
Id = Annotated[str, typer.Argument(help="A request, as `dlq list` shows it.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Requests, as `dlq list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="Every dead letter, or every one of --tenant.")]
DataDir = Annotated[Path, typer.Option(help="Where to look for a running stack.")]
_HERE = Path(local_defaults.DATA_DIR)


@dlq.command("list")
def list_letters(
    tenant: Tenant = "",
    as_json: flags.AsJson = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Show the dead letters, the latest first."""

    async def run(bus: Bus) -> None:
        found = await _read_all(bus, await letters.all_keys(bus, _one_or_any(tenant)))
        if as_json:
            _print_json([summary(key, letter) for key, letter in found])
        elif found:
            Console().print(letters_table(found, unix_ms()))
        else:
            print("no dead letters")

    _on_bus(run, nats_url, nats_creds, data_dir)


@dlq.command("show")
def show_letter(
    request_id: Id,
    tenant: Tenant = "",
    as_json: flags.AsJson = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Show one dead letter: why it was given up, what its attempts said, its body."""

    async def run(bus: Bus) -> None:
        (key,) = await letters.named(bus, [request_id], _one_or_any(tenant))
        letter = await letters.read(bus, key)
        if letter is None:
            raise UsageError(f"no dead letter {key} any more")
        if as_json:
            _print_json(details(key, letter))
            return
        console = Console()
        for part in letter_lines(key, letter, unix_ms()):
            console.print(part)

    _on_bus(run, nats_url, nats_creds, data_dir)


@dlq.command("replay")
def replay_letters(
    request_ids: Ids = None,
    everything: All = False,
    tenant: Tenant = "",
    as_json: flags.AsJson = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Send requests again, under the same ids. Their failed results give way to what comes of it."""

    _check_choice(request_ids, everything)

    async def run(bus: Bus) -> None:
        keys = await _chosen(bus, request_ids, tenant)
        await _each(keys, lambda key: letters.replay(bus, key, unix_ms()), "replayed", as_json)

    _on_bus(run, nats_url, nats_creds, data_dir)


@dlq.command("drop")
def drop_letters(
    request_ids: Ids = None,
    everything: All = False,
    tenant: Tenant = "",
    as_json: flags.AsJson = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: DataDir = _HERE,
) -> None:
    """Delete dead letters. The requests stay failed."""

    _check_choice(request_ids, everything)

    async def run(bus: Bus) -> None:
        keys = await _chosen(bus, request_ids, tenant)
        await _each(keys, lambda key: letters.drop(bus, key), "dropped", as_json)

    _on_bus(run, nats_url, nats_creds, data_dir)


def _on_bus(run: Callable[[Bus], Awaitable[None]], nats_url: str, creds: Path | None, data_dir: Path) -> None:
    async def connected() -> None:
        async with open_bus(bus_url(nats_url, data_dir), creds) as bus:
            await run(bus)

    uvloop.run(connected())


def _check_choice(request_ids: list[str] | None, everything: bool) -> None:
    if everything == bool(request_ids):
        raise UsageError("name requests, or all of them with --all")


async def _chosen(bus: Bus, request_ids: list[str] | None, tenant: str) -> list[Key]:
    if request_ids:
        return await letters.named(bus, request_ids, _one_or_any(tenant))
    return await letters.all_keys(bus, _one_or_any(tenant))


async def _read_all(bus: Bus, keys: list[Key]) -> list[tuple[Key, DeadLetter]]:
    """The letters that are still there, the latest first."""
    read = [(key, await letters.read(bus, key)) for key in keys]
    found = [(key, letter) for key, letter in read if letter is not None]
    return sorted(found, key=lambda pair: pair[1].died_unix_ms, reverse=True)


async def _each(keys: list[Key], act: Callable[[Key], Awaitable[None]], done: str, as_json: bool) -> None:
    """Do it to each, and say to which. What fails keeps nothing else from being done. Raises UsageError at the end."""
    failures: dict[Key, str] = {}
    for key in keys:
        try:
            await act(key)
        except UsageError as error:
            failures[key] = str(error)
            continue
        if not as_json:
            print(f"{done} {key}")
    if as_json:
        _print_json([{**key._asdict(), done: key not in failures} for key in keys])
    elif not keys:
        print("no dead letters")
    if failures:
        reasons = "; ".join(f"{key}: {reason}" for key, reason in failures.items())
        raise UsageError(f"{len(failures)} of {len(keys)} not {done}: {reasons}")


def _one_or_any(tenant: str) -> str:
    if tenant and not is_token(tenant):
        raise UsageError(f"{tenant!r} is not the name of a tenant")
    return tenant or ANY


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))
