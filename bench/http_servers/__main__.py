"""Runs the candidates in turn, several rounds, and prints the median processor time a request and the ratios."""

import argparse
import statistics
from contextlib import ExitStack

import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.http_servers.candidates import CANDIDATES
from bench.http_servers.measure import cpu_ms_per_request, running, settle
from bench.http_servers.payloads import JSON_PATH, STREAM_PATH

PATHS = (JSON_PATH, STREAM_PATH)
Samples = dict[tuple[str, str], list[float]]


async def sample(rounds: int, seconds: float, connections: int, progress: Progress) -> Samples:
    """CPU ms a request by candidate and path, one value a round; every candidate once in each round."""
    samples: Samples = {(candidate.name, path): [] for candidate in CANDIDATES for path in PATHS}
    bar = progress.add_task("measuring", total=(rounds + 1) * len(samples))
    with ExitStack() as stack:
        servers = {candidate.name: stack.enter_context(running(candidate)) for candidate in CANDIDATES}
        for turn in range(rounds + 1):
            for (name, path), values in samples.items():
                process, port = servers[name]
                value = await cpu_ms_per_request(process, port, path, connections, seconds if turn else 0.5)
                if turn:  # the first round warms up
                    values.append(value)
                progress.advance(bar)
                await settle()
    return samples


def table(samples: Samples) -> Table:
    """Medians and ratios to the first candidate of the same round."""
    result = Table("server", "JSON, CPU ms", "ratio", "32 events, CPU ms", "ratio", title="processor time a request")
    for candidate in CANDIDATES:
        cells = [candidate.name]
        for path in PATHS:
            values, base = samples[candidate.name, path], samples[CANDIDATES[0].name, path]
            ratio = statistics.median(value / reference for value, reference in zip(values, base, strict=True))
            cells += [f"{statistics.median(values):.3f}", f"{ratio:.2f}"]
        result.add_row(*cells)
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.http_servers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="for each server, path and round")
    parser.add_argument("--connections", type=int, default=32)
    options = parser.parse_args()
    with Progress(transient=True) as progress:
        samples = uvloop.run(sample(options.rounds, options.seconds, options.connections, progress))
    Console().print(table(samples))


main()
