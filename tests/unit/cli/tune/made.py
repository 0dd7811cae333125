"""Recorded rows made by hand, and traffic of them."""

import random
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec

from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.traffic import ModelTraffic
from tokenlane_fleet.hardware.hardware import Hardware, derive

# 2025-11-17 00:00 UTC, a Monday.
MONDAY_MS = 1_763_337_600_000
HOUR_MS = 3_600_000
H100 = derive("llama-3-8b", "h100", 1)


def row(at_ms: int = MONDAY_MS, prompt: int = 100, output: int = 10, **others: object) -> Row:
    """One request; `others` as Row has them."""
    values = {"tenant": "acme", "model": "llama", "lane": "short", **others}
    return Row(at_ms, prompt, output, **values)  # type: ignore[arg-type]


def mixed(requests: int, gap_ms: float, seed: int = 1, long_share: float = 0.1, boundary: int = 2048) -> list[Row]:
    """Chats, and some documents, as a Poisson process through the lanes short and long, two workers each."""
    dice = random.Random(seed)
    rows, at = [], float(MONDAY_MS)
    for _ in range(requests):
        at += dice.expovariate(1 / gap_ms)
        is_long = dice.random() < long_share
        prompt = round(dice.lognormvariate(0, 0.3) * (12_000 if is_long else 500))
        output = max(1, round(dice.lognormvariate(0, 0.5) * 100))
        lane = "short" if prompt + 100 <= boundary else "long"
        waited = round(dice.expovariate(1 / 5_000))
        rows.append(
            row(
                round(at), prompt, output, lane=lane, system="5eed" if is_long else "", endpoint="chat",
                prompt_budget=prompt, output_budget=200, typical_output=100, queue_wait_us=waited,
                first_data_us=waited + 20_000 + 50 * prompt, worker=f"{lane}-{dice.randrange(2)}",
            )
        )  # fmt: skip
    return rows


def traffic_of(rows: Iterable[Row]) -> ModelTraffic:
    """All of them, whatever their model."""
    traffic = ModelTraffic()
    for each in rows:
        traffic.add(each)
    return traffic


def written(path: Path, rows: Iterable[Row]) -> Path:
    """A file as `tokenlane record` writes it."""
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in rows))
    return path


def engine(**changes: object) -> Hardware:
    """Llama-3-8B on one H100, by data sheets, but for `changes`."""
    return replace(H100, **changes)  # type: ignore[arg-type]
