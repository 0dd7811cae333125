"""What is given back for shared prefixes is what vLLM itself says that it shares."""

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from tests.adapters.engine.conftest import ENDLESS, MODEL, Engines
from tests.adapters.engine.drive import CHAT, Answer, Started
from tokenlane_proto import events
from tokenlane_proto.openai_body import read_facts
from tokenlane_proto.prefixes import of_prefix, prefix_of
from tokenlane_worker.engine.vllm_command import VllmChildConfig
from tokenlane_worker.prefixes import Prefixes, Share
from tokenlane_worker.usage import cached

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.engine]
_HITS = "vllm:prefix_cache_hits_total"
_TEXT = "the worker pulls a request from its lane and gives the credit back when an answer ends"


@pytest_asyncio.fixture(loop_scope="session")
async def engine(engines: Engines, vllm_config: VllmChildConfig) -> Started:
    return await engines.child(vllm_config)


async def hits(config: VllmChildConfig) -> int:
    """Prompt tokens that vLLM found in its cache since it started."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(config.socket_path))) as client:
        text = (await client.get("http://engine/metrics")).text
    families = text_string_to_metric_families(text)
    return round(sum(sample.value for each in families for sample in each.samples if sample.name == _HITS))


def words(seed: int, count: int) -> str:
    return " ".join(random.Random(seed).choices(_TEXT.split(), k=count))


class Counting:
    """Asks as a worker does, and counts what it would give back."""

    def __init__(self, engine: Started) -> None:
        self._engine = engine
        self.prefixes = Prefixes()

    def body(self, system: str, question: str, **asked: Any) -> bytes:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
        stream = {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}}
        return json.dumps({"model": MODEL, "messages": messages, **stream, **asked}).encode()

    def begin(self, body: bytes) -> Share:
        share = self.prefixes.find(prefix_of("acme", read_facts(body)[1]), len(body))
        self.prefixes.begin(share, len(body))
        return share

    async def ask(self, body: bytes) -> tuple[int, int]:
        """Tokens that were credited, and that were found."""
        answer, share = Answer(), self.begin(body)
        await self._engine.engine.generate(CHAT, body, answer)
        self.prefixes.end(share, self._engine.info.kv_capacity_tokens)
        told = cached(b"".join(answer.chunks), streamed=True)
        assert told is not None
        self.prefixes.learn(share, of_prefix(told.tokens, told.prompt_tokens, read_facts(body)[1], len(body)))
        return share.tokens, told.tokens


async def test_what_is_credited_is_what_vllm_finds(engine: Started, vllm_config: VllmChildConfig) -> None:
    counting, before = Counting(engine), await hits(vllm_config)
    systems = [words(1, 60), words(2, 400), words(3, 1_200)]
    found = [
        [await counting.ask(counting.body(system, words(seed, 7 * (seed % 9)), max_tokens=2)) for system in systems]
        for seed in range(100, 112)
    ]
    assert await hits(vllm_config) - before == sum(told for row in found for _, told in row)
    assert all(credited == 0 for row in found[:2] for credited, _ in row), "the first is computed, the second tells"
    for row in found[2:]:
        assert all(0 <= told - credited <= engine.info.block_size for credited, told in row), found
    assert found[-1][0][0] < found[-1][1][0] / 4 < found[-1][2][0] / 8, "each system prompt has its length"


async def test_what_is_counted_of_those_that_run_is_what_the_cache_holds(engine: Started) -> None:
    counting, system, block = Counting(engine), words(4, 800), engine.info.block_size
    for seed in range(3):
        await counting.ask(counting.body(system, words(seed, 9), max_tokens=2))
    bodies = [counting.body(system, words(seed, 9), **ENDLESS) for seed in range(200, 206)]
    answers = [Answer() for _ in bodies]
    for body in bodies:
        counting.begin(body)
    calls = [
        asyncio.create_task(engine.engine.generate(CHAT, body, answer))
        for body, answer in zip(bodies, answers, strict=True)
    ]
    await asyncio.gather(*(answer.first.wait() for answer in answers))
    before = tokens(answers)
    held = (await engine.engine.stats()).kv_usage * engine.info.kv_capacity_tokens
    after = tokens(answers)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    saved = counting.prefixes.saved
    assert saved > 0.5 * before, "most of it is shared"
    # Statistics are those of some step since; a sequence holds whole blocks.
    assert before - saved - 8 * len(bodies) <= held <= after - saved + (block + 8) * len(bodies)


def tokens(answers: Sequence[Answer]) -> int:
    """Of all prompts and answers so far, by what the last event of each says."""
    total = 0
    for answer in answers:
        last = events.split(answer.chunks[-1])[-1]
        total += json.loads(last.removeprefix(b"data: "))["usage"]["total_tokens"]
    return total
