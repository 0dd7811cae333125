"""Kill processes under load and report what became of the requests.

    python -m tests.chaos [--cluster] [--requests 10000] [--rate 75] [--kill-every 3.5] [--seed 1] [--json FILE]

The exit code is 0 if every request ended in exactly one result and every client saw the undisturbed answer.
"""

import argparse
import asyncio
import logging
import sys
from dataclasses import replace
from pathlib import Path

from tests.chaos.bars import ONE_BROKER, WHOLE_CLUSTER
from tests.chaos.storm import weather


def main() -> int:
    """Run the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", action="store_true", help="three brokers, the leader killed, one paused")
    parser.add_argument("--requests", type=int)
    parser.add_argument("--calm", type=int, help="requests before the kills, for the undisturbed figures")
    parser.add_argument("--rate", type=float, help="requests a second")
    parser.add_argument("--kill-every", type=float, dest="kill_every_s", help="seconds between two kills, on average")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", type=Path, help="also write the report here")
    parser.add_argument("--logs", type=Path, help="keep the processes' logs and stores here")
    arguments = vars(parser.parse_args())
    bar = WHOLE_CLUSTER if arguments.pop("cluster") else ONE_BROKER
    file, logs = arguments.pop("json"), arguments.pop("logs")
    if logs is not None:
        logs.mkdir(parents=True, exist_ok=True)
    # The clients of a broker that is killed complain of it.
    for name in ("nats", "tokenlane"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    storm = replace(bar, **{name: value for name, value in arguments.items() if value is not None})
    report = asyncio.run(weather(storm, logs))
    print(report.text())
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(report.to_json())
    return 0 if report.kept else 1


if __name__ == "__main__":
    sys.exit(main())
