"""Tables as Markdown."""

from collections.abc import Sequence

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table under a heading; the first column is left-aligned, the others right."""
    drawn = Table(box=MARKDOWN)
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    console = Console(width=10_000, highlight=False, markup=False, no_color=True)
    console.print(f"### {title}\n")
    with console.capture() as captured:
        console.print(drawn)
    print("\n".join(line.rstrip() for line in captured.get().strip().splitlines()) + "\n")


def seconds(value: float) -> str:
    """A time in the unit that reads best."""
    return f"{value * 1e3:.0f} ms" if value < 0.9995 else f"{value:.2f} s"


def percent(share: float) -> str:
    """A signed share."""
    return f"{share:+.1%}"
