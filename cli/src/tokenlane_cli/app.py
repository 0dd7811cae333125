"""The commands, and the one place where an error becomes a line on stderr."""

import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from tokenlane_cli import __version__
from tokenlane_cli.calibrate.command import calibrate
from tokenlane_cli.demo.command import demo
from tokenlane_cli.dlq.command import dlq
from tokenlane_cli.errors import CliError
from tokenlane_cli.plan.command import plan
from tokenlane_cli.record.command import record
from tokenlane_cli.replay.command import replay
from tokenlane_cli.size.command import show_size
from tokenlane_cli.stack.command import up
from tokenlane_cli.tenant.command import tenant
from tokenlane_cli.tune.command import tune

app = typer.Typer(
    help="LLM serving over a message bus: the local stack, a demonstration, replay of traces, an operator's tools.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up)
app.command()(demo)
app.command()(replay)
app.command()(record)
app.command()(plan)
app.command()(tune)
app.command("size")(show_size)
app.command()(calibrate)
app.add_typer(dlq)
app.add_typer(tenant)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tokenlane {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point of the console script. What the user got wrong is one line on stderr, without a traceback."""
    try:
        code = app(standalone_mode=False)
    except CliError as error:
        code = _refuse(str(error), error.exit_code)
    except TyperException as error:
        code = _refuse(error.format_message(), error.exit_code)
    raise SystemExit(code)


def _refuse(line: str, code: int) -> int:
    # Without a command the help was shown, and nothing is left to say.
    if line:
        print(f"tokenlane: {line}", file=sys.stderr)
    return code
