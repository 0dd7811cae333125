"""What order brings on real vLLM: two workers of one lane, requests with many system prompts, all at once.

    python -m bench.prefix.real [--rounds 3] [--seed 500]

Needs `make engine`. Two engines on this machine's processor with the tiny model, each with a cache for less than half
of all system prompts. The same requests twice: with system prompts as such, of which the dispatcher prefers what an
engine holds and workers count what is shared once; and with the same text at the beginning of the user's messages, of
which tokenlane knows nothing. vLLM's own cache works on both.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import httpx
import uvloop
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from bench.lanes.engines import MODEL, Engine, Engines
from bench.lanes.load import client_of
from tests.adapters.engine.drive import CHAT, Answer
from tests.support.fleet import LANES, Fleet, FleetConfig, api_key

_TENANT = "bench"
_PROMPTS, _WORDS, _REQUESTS, _OUTPUT = 48, 120, 400, 8
_SEQUENCES = "8"
_ENGINE = ("--max-num-seqs", _SEQUENCES, "--max-num-batched-tokens", "1024", "--enable-prompt-tokens-details")
_COUNTERS = ("vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total", "vllm:iteration_tokens_total_count")


@dataclass(frozen=True, slots=True)
class Round:
    """Of both engines together: prompt tokens, those of them that were in a prefix cache, and steps."""

    asked: float
    hits: float
    steps: float

    @property
    def hit_rate(self) -> float:
        """Part of the prompt tokens that was in a cache."""
        return self.hits / self.asked

    @property
    def computed(self) -> float:
        """Prompt tokens that the engines computed."""
        return self.asked - self.hits


def bodies(seed: int, told: bool) -> Iterator[bytes]:
    """Requests in the order in which they are sent, system prompts popular by Zipf's law. `told`: as system prompts."""
    dice = random.Random(seed)
    systems = [_text(dice, _WORDS) for _ in range(_PROMPTS)]
    shares = [1 / (rank + 1) for rank in range(_PROMPTS)]
    for system in dice.choices(systems, shares, k=_REQUESTS):
        own = _text(dice, 8)
        first = {"role": "system" if told else "user", "content": system}
        fields = {"model": MODEL, "messages": [first, {"role": "user", "content": own}], "max_tokens": _OUTPUT}
        yield json.dumps({**fields, "ignore_eos": True, "temperature": 0}).encode()


def _text(dice: random.Random, words: int) -> str:
    return " ".join(f"{dice.choice('bcdfghklmnprst')}{dice.choice('aeiou')}{dice.randrange(100)}" for _ in range(words))


async def measure(engines: Sequence[Engine], seeds: Sequence[int], told: bool) -> list[Round]:
    """A round for each seed."""
    # Each worker serves both lanes.
    engine = {
        "ENGINE": "url",
        "SERVED_MODEL_NAME": MODEL,
        "ENGINE_MAX_NUM_SEQS": _SEQUENCES,
        "SHARED_LANES": ",".join(LANES),
    }
    own = {lane: {"ENGINE_URL": each.url} for lane, each in zip(LANES, engines, strict=True)}
    config = FleetConfig(ingresses=1, workers=1, tenants=(_TENANT,), engine=engine, lane_engine=own)
    async with Fleet(config) as fleet:
        return [await _round(fleet, engines, seed, told) for seed in seeds]


async def _round(fleet: Fleet, engines: Sequence[Engine], seed: int, told: bool) -> Round:
    client = client_of(fleet.urls[0], api_key(_TENANT))
    before = [_counters(engine) for engine in engines]

    async def one(body: bytes) -> None:
        answer = Answer()
        await client.post(CHAT, body, answer)
        assert answer.status == 200, answer.chunks

    await asyncio.gather(*(one(body) for body in bodies(seed, told)))
    # The last answer is there before the engine has told its metrics of it.
    await asyncio.sleep(0.5)
    client.close()
    pairs = list(zip([_counters(engine) for engine in engines], before, strict=True))
    return Round(*(sum(now[name] - then[name] for now, then in pairs) for name in _COUNTERS))


def _counters(engine: Engine) -> dict[str, float]:
    families = text_string_to_metric_families(httpx.get(f"{engine.url}/metrics").text)
    return {each.name: each.value for family in families for each in family.samples if each.name in _COUNTERS}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=500)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.rounds)
    found: dict[bool, list[Round]] = {}
    for told in (False, True):
        with Engines(_ENGINE, _ENGINE, simulated=False) as engines:
            found[told] = uvloop.run(measure(engines, seeds, told))
    table = Table(
        title=f"{_REQUESTS} requests with {_PROMPTS} system prompts at once, two engines; medians of the rounds"
    )
    for column in ("", "not known", "each", "known", "each", "known / not known"):
        table.add_column(column, justify="right" if column else "left")
    for label, name, form in (
        ("prompt tokens found in a cache", "hit_rate", ".1%"),
        ("prompt tokens computed", "computed", ",.0f"),
        ("engine steps", "steps", ",.0f"),
    ):
        cells, middles = [], []
        for told in (False, True):
            values = [getattr(each, name) for each in found[told]]
            middles.append(median(values))
            cells += [format(middles[-1], form), " ".join(format(value, form) for value in values)]
        table.add_row(label, *cells, f"{middles[1] / middles[0]:.2f}")
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
