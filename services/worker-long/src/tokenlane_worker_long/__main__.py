"""`python -m tokenlane_worker_long`."""

import sys

from tokenlane_worker.main import run_worker
from tokenlane_worker_long.lane import LANE


def main() -> None:
    """Run a worker of this lane."""
    sys.exit(run_worker(LANE))


if __name__ == "__main__":
    main()
