"""The classifier's process."""

import sys

from tokenlane_chassis.service import run
from tokenlane_chassis.settings import load
from tokenlane_classifier.service import serve
from tokenlane_classifier.settings import ClassifierSettings


def main() -> None:
    """Console script."""
    sys.exit(run("classifier", load(ClassifierSettings), serve))


if __name__ == "__main__":
    main()
