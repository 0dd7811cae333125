"""Parts that a report's tables share."""

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tokenlane_cli.figures import plain

_NAME_LETTERS = 12


def titled(title: str, table: Table) -> Iterator[RenderableType]:
    """A title and its table."""
    yield Text(title, style="bold")
    yield Padding(table, (0, 0, 0, 1))


def table_of(first: str, *others: str) -> Table:
    """A table with these columns, figures at the right."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(first, no_wrap=True)
    for header in others:
        table.add_column(header, justify="right", no_wrap=True)
    return table


def shortened(name: str) -> Text:
    """A name from elsewhere, without what a terminal would obey."""
    text = plain(name)
    return Text(text if len(text) <= _NAME_LETTERS else f"{text[: _NAME_LETTERS - 1]}…")
