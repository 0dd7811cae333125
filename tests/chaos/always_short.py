"""The classifier, but for the lane that it puts requests in: always the short one, whatever they take.

    python -m tests.chaos.always_short

Runs as the classifier's process. So every long answer outgrows its lane.
"""

from tokenlane_classifier.__main__ import main
from tokenlane_proto import subjects

_lane = subjects.lane


def _short(lane: str, fits: str, model: str, tenant: str, tokens: int) -> str:
    return _lane("short", "short", model, tenant, tokens)


if __name__ == "__main__":
    subjects.lane = _short
    main()
