"""The autoscaler's process."""

import sys

from tokenlane_autoscaler.service import serve
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.service import run
from tokenlane_chassis.settings import load


def main() -> None:
    """Console script."""
    sys.exit(run("autoscaler", load(AutoscalerSettings), serve))


if __name__ == "__main__":
    main()
