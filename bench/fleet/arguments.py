"""What the studies' command lines share."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_fleet import FleetError


def existing(text: str) -> Path:
    """A file that is there."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no file at {path}")
    return path


def parser(doc: str | None, *files: str) -> argparse.ArgumentParser:
    """A parser with `--json` and `--seed`, and an option that must name a file for each of `files`."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in files:
        made.add_argument(f"--{name}", type=existing, required=True, metavar="FILE")
    made.add_argument("--json", type=Path, help="write the figures there too")
    made.add_argument("--seed", type=int, default=1)
    return made


def run(main: Callable[[], None]) -> None:
    """Call `main`; what it refuses is one line and exit status 2."""
    try:
        main()
    except (UsageError, FleetError) as error:
        sys.exit(f"error: {error}")


def progress(text: str) -> None:
    """A line for whoever waits."""
    print(text, file=sys.stderr, flush=True)


def numbers(text: str) -> Sequence[int]:
    """Whole numbers by commas."""
    return [int(part) for part in text.split(",")]
