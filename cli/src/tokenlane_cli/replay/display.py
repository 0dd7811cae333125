"""The progress bar of a replay: done, in flight, failed, rate."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tokenlane_cli.replay.run import Tally

_EVERY_S = 0.25


@contextmanager
def show_progress(console: Console, tally: Tally, total: int) -> Iterator[None]:
    """Show `tally` as long as the context is open. The bar follows it by itself; the sender does not wait for it."""
    columns = (BarColumn(bar_width=None), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    began = time.monotonic()
    done = threading.Event()
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as progress:
        bar = progress.add_task("", total=total)

        def follow() -> None:
            while not done.wait(_EVERY_S):
                rate = tally.done / (time.monotonic() - began)
                text = f"{tally.in_flight} in flight, {tally.failed} failed, {rate:.1f}/s"
                progress.update(bar, completed=tally.done, description=text, refresh=True)

        thread = threading.Thread(target=follow, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
