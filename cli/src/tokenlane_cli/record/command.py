"""`tokenlane record`."""

from pathlib import Path
from typing import Annotated

import typer
import uvloop

from tokenlane_chassis.clock import unix_ms
from tokenlane_cli import flags, local_defaults
from tokenlane_cli.durations import parse_duration
from tokenlane_cli.errors import UsageError
from tokenlane_cli.operating import bus_url, open_bus
from tokenlane_cli.record.recording import record_to
from tokenlane_cli.record.rows import Recorded, Wanted
from tokenlane_proto.subjects import is_token


def record(
    out: Annotated[Path, typer.Argument(help="File to write, as JSON lines; with .gz at the end compressed.")],
    since: Annotated[
        str, typer.Option(help="Only requests of that time, as in 24h.", show_default="all that is kept")
    ] = "",
    tenant: Annotated[str, typer.Option(help="Only this tenant's.", show_default="all tenants'")] = "",
    model: Annotated[str, typer.Option(help="Only those for this model.", show_default="all models")] = "",
    counted_only: Annotated[
        bool, typer.Option("--counted-only", help="Without requests whose lengths the engine did not report.")
    ] = False,
    nats_url: flags.NatsUrl = "",
    nats_creds: flags.NatsCreds = None,
    data_dir: Annotated[Path, typer.Option(help="Where to look for a running stack.")] = Path(local_defaults.DATA_DIR),
) -> None:
    """Write the requests that were answered as a trace: when they were accepted and how long they were.

    `tokenlane replay` and `tokenlane plan` read it. Prompts and answers are not in it."""
    if tenant and not is_token(tenant):
        raise UsageError(f"{tenant!r} is not the name of a tenant")
    start = unix_ms() - round(parse_duration("--since", since) * 1000) if since else 0

    async def run() -> Recorded:
        async with open_bus(bus_url(nats_url, data_dir), nats_creds) as bus:
            return await record_to(out, bus, tenant or "*", Wanted(start, model, counted_only))

    for line in _told(out, uvloop.run(run())):
        print(line)


def _told(out: Path, recorded: Recorded) -> list[str]:
    said = [f"{recorded.rows:,} requests in {out}"]
    if recorded.estimated:
        said.append(
            f"{recorded.estimated:,} with estimated lengths: streams whose client did not ask for usage "
            "(--counted-only leaves them out)"
        )
    if recorded.left_out:
        said.append(f"{recorded.left_out:,} left out: their lengths are estimated")
    if recorded.unreadable:
        said.append(f"{recorded.unreadable:,} left out: they do not say when they were accepted")
    return said
