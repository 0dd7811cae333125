"""An answer of a real model that is cut and gone on with reads as if nothing had happened."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.adapters.engine.drive import CHAT, COMPLETIONS
from tests.support.vllm import VllmServer
from tests.unit.worker.resuming import known_of, planned, rest_of
from tokenlane_proto import events
from tokenlane_worker.engine.openai_server import OpenAIServerConfig, OpenAIServerEngine
from tokenlane_worker.engine.protocol import Engine
from tokenlane_worker.resume.known import Known
from tokenlane_worker.resume.plan import Continue, Regenerate

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module")]
QUESTIONS = [
    "What is 17 * 23? Show the steps.",
    "Translate 'good morning, my friend' to French, German, Spanish and Japanese.",
    "Write three sentences with emojis about a picnic \N{WATERMELON}.",
]
SCHEMA = {"type": "object", "properties": {"steps": {"type": "string", "minLength": 80}}, "required": ["steps"]}
STEPS = {"type": "json_schema", "json_schema": {"name": "steps", "schema": SCHEMA}}
SEVERAL = {"n": 2, "temperature": 1, "seed": 1}
CUTS = range(2, 40, 7)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Engine]:
    with VllmServer(tmp_path_factory.mktemp("vllm") / "vllm.log") as server:
        engine = OpenAIServerEngine(OpenAIServerConfig(url=server.url))
        await engine.start()
        yield engine
        await engine.stop()


def asked(path: str, question: str, **fields: Any) -> bytes:
    said = {"messages": [{"role": "user", "content": question}]} if path == CHAT else {"prompt": question}
    wanted = {"max_tokens": 40, "temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
    return json.dumps({"model": "smollm2", **said, **wanted, **fields}).encode()


async def cut_and_gone_on(engine: Engine, path: str, body: bytes, whole: bytes, cut: int) -> bytes:
    known = known_of(whole, cut)
    return known.data + await rest_of(engine, path, body, known)


def meaning(answer: bytes) -> tuple[dict[int, str], Any, set[str]]:
    """Texts, usage, and ids with times. A character of several tokens may come in more or fewer events."""
    parts = [json.loads(event[6:]) for event in events.split(answer)[:-1]]
    texts: dict[int, str] = {}
    for choice in (choice for part in parts for choice in part["choices"]):
        said = choice["text"] if "text" in choice else choice["delta"].get("content") or ""
        texts[choice["index"]] = texts.get(choice["index"], "") + said
    return texts, parts[-1]["usage"], {f"{part['id']} {part['created']}" for part in parts}


@pytest.mark.parametrize(
    ("path", "fields"), [(CHAT, {}), (CHAT, {"stop": ["no such words"]}), (COMPLETIONS, {"min_tokens": 40})]
)
async def test_a_greedy_answer_is_continued_at_any_cut(engine: Engine, path: str, fields: dict[str, Any]) -> None:
    for question in QUESTIONS:
        body = asked(path, question, **fields)
        whole = await rest_of(engine, path, body, Known())
        cuts = [cut for cut in CUTS if cut < events.count(whole) - 2]
        assert isinstance(planned(path, body, known_of(whole, cuts[-1])), Continue)
        joined = await asyncio.gather(*(cut_and_gone_on(engine, path, body, whole, cut) for cut in cuts))
        assert [meaning(answer) for answer in joined] == [meaning(whole)] * len(cuts)


@pytest.mark.parametrize("fields", [{"logprobs": True}, {"response_format": STEPS}, SEVERAL])
async def test_an_answer_that_cannot_be_continued_is_said_again(engine: Engine, fields: dict[str, Any]) -> None:
    body = asked(CHAT, QUESTIONS[0], **fields)
    whole = await rest_of(engine, CHAT, body, Known())
    assert planned(CHAT, body, known_of(whole, 9)) == Regenerate()
    joined = await cut_and_gone_on(engine, CHAT, body, whole, 9)
    assert meaning(joined) == meaning(whole)
