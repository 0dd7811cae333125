"""What a person sees of the stack: one line a process while it starts, a line for what happens later."""

import time
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tokenlane_cli.stack.decide import Phase

_MARKS = {Phase.READY: "[green]✓[/]", Phase.EXITED: "[red]✗[/]"}


@dataclass(slots=True)
class _Row:
    phase: Phase
    seconds: float = 0.0
    since: float = 0.0
    spinner: Spinner = field(default_factory=lambda: Spinner("dots"))


class Board:
    """A `Report` on a console: live where there is a terminal, plain lines where there is none."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rows: dict[str, _Row] = {}
        self._live: Live | None = None
        self._quiet = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table.grid(padding=(0, 2))
        for name, row in self._rows.items():
            starting = row.phase is Phase.STARTING
            seconds = time.monotonic() - row.since if starting else row.seconds
            mark = row.spinner if starting else _MARKS.get(row.phase, " ")
            table.add_row(mark, name, row.phase.value, Text(f"{seconds:.1f} s", justify="right"))
        yield table

    def begin(self) -> None:
        """The stack starts: show it live."""
        if self._console.is_terminal:
            self._live = Live(self, console=self._console, refresh_per_second=8)
            self._live.start()

    def settle(self) -> None:
        """The stack has started, or failed to."""
        if self._live is not None:
            self._live.stop()
        self._live = None
        self._quiet = True

    def end(self) -> None:
        """The stack stops: tell of each process again."""
        self._quiet = False

    def process(self, name: str, phase: Phase, seconds: float) -> None:
        """See `Report`."""
        self._rows[name] = _Row(phase, seconds, time.monotonic() - seconds)
        if self._live is None and not self._quiet and phase in (Phase.READY, Phase.EXITED):
            what = f"ready ({seconds:.1f} s)" if phase is Phase.READY else "stopped"
            self._console.print(f"  {name} {what}", highlight=False)

    def note(self, text: str) -> None:
        """See `Report`."""
        self._console.print(Text(f"{time.strftime('%H:%M:%S')} {text}"))
