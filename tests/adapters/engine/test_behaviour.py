"""What every engine does, simulated or real."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.adapters.engine.conftest import ENDLESS, MAX_MODEL_LEN, MODEL, Engines
from tests.adapters.engine.drive import CHAT, Answer, Started

pytestmark = pytest.mark.asyncio(loop_scope="session")
REAL = [pytest.param(name, marks=pytest.mark.engine) for name in ("child", "url")]


@pytest_asyncio.fixture(loop_scope="session", params=["simulated", *REAL])
async def engine(request: pytest.FixtureRequest, engines: Engines) -> Started:
    if request.param == "simulated":
        return await engines.simulated()
    config = request.getfixturevalue("vllm_config")
    return await (engines.child(config) if request.param == "child" else engines.url(config))


async def test_it_tells_what_it_can_hold(engine: Started) -> None:
    info = engine.info
    assert (info.model, info.max_model_len, info.max_num_seqs) == (MODEL, MAX_MODEL_LEN, 256)
    assert info.kv_capacity_tokens >= MAX_MODEL_LEN
    assert info.kv_capacity_tokens % info.block_size == 0


async def test_a_chat_is_answered(engine: Started) -> None:
    answer = await engine.chat(max_tokens=5, ignore_eos=True, temperature=0)
    body = answer.json
    assert (answer.status, answer.content_type.split(";")[0]) == (200, "application/json")
    assert (body["object"], body["model"]) == ("chat.completion", MODEL)
    choice = body["choices"][0]
    assert (choice["message"]["role"], choice["finish_reason"]) == ("assistant", "length")
    assert body["usage"]["completion_tokens"] == 5
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + 5
    assert len(answer.chunks) == 1


async def test_a_chat_streams_and_ends_with_its_usage(engine: Started) -> None:
    answer = await engine.chat(
        max_tokens=8, ignore_eos=True, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    events = answer.events
    assert (answer.status, answer.content_type.split(";")[0]) == (200, "text/event-stream")
    assert all(chunk.endswith(b"\n\n") for chunk in answer.chunks)
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [c["finish_reason"] for e in events for c in e["choices"] if c["finish_reason"]] == ["length"]
    assert events[-1]["choices"] == []
    assert events[-1]["usage"]["completion_tokens"] == 8


async def test_the_same_request_gets_the_same_answer_at_temperature_0(engine: Started) -> None:
    asked: dict[str, Any] = {"max_tokens": 12, "ignore_eos": True, "temperature": 0}
    alone, *together = [await engine.complete("Once", **asked), *await many(engine, 4, **asked)]
    assert alone.json["choices"][0]["text"]
    assert {answer.json["choices"][0]["text"] for answer in together} == {alone.json["choices"][0]["text"]}


async def many(engine: Started, count: int, **asked: Any) -> list[Answer]:
    return await asyncio.gather(*(engine.complete("Once", **asked) for _ in range(count)))


async def test_a_completion_is_answered_and_streams(engine: Started) -> None:
    body = (await engine.complete(max_tokens=4, ignore_eos=True)).json
    assert (body["object"], body["usage"]["completion_tokens"]) == ("text_completion", 4)
    streamed = await engine.complete(max_tokens=4, ignore_eos=True, stream=True)
    assert {event["object"] for event in streamed.events} == {"text_completion"}


async def test_several_choices_are_answered(engine: Started) -> None:
    body = (await engine.chat(n=3, max_tokens=4, ignore_eos=True, temperature=1)).json
    assert sorted(choice["index"] for choice in body["choices"]) == [0, 1, 2]
    assert body["usage"]["completion_tokens"] == 12
    events = (await engine.chat(n=2, max_tokens=4, ignore_eos=True, temperature=1, stream=True)).events
    assert {choice["index"] for event in events for choice in event["choices"]} == {0, 1}


async def test_a_stop_word_ends_the_answer_and_is_not_in_it(engine: Started) -> None:
    stop = ["e", "a", "t", "o"]
    choice = (await engine.complete(max_tokens=200, ignore_eos=True, temperature=0, stop=stop)).json["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert not set(stop) & set(choice["text"])


async def test_a_model_it_does_not_serve_is_404(engine: Started) -> None:
    answer = await engine.chat(model="another")
    assert answer.status == 404
    assert answer.json["error"]["code"] == 404
    assert "another" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"text": "word " * 2 * MAX_MODEL_LEN},
        {"max_tokens": 2 * MAX_MODEL_LEN},
        {"temperature": -1},
        {"max_tokens": 0},
    ],
)
async def test_what_it_cannot_do_is_400(engine: Started, body: dict[str, Any]) -> None:
    answer = await engine.chat(**body)
    assert answer.status == 400
    assert answer.json["error"]["code"] == 400


async def test_a_body_that_is_not_json_is_400(engine: Started) -> None:
    answer = Answer()
    await engine.engine.generate(CHAT, b"{", answer)
    assert answer.status == 400
    assert answer.json["error"]["message"]


async def test_cancelling_frees_what_the_request_held(engine: Started) -> None:
    answer = Answer()
    call = asyncio.create_task(
        engine.send(answer, CHAT, messages=[{"role": "user", "content": "Go on"}], stream=True, **ENDLESS)
    )
    await answer.first.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    stats = await engine.until_stats(lambda stats: stats.running == stats.waiting == 0)
    assert stats.kv_usage == 0


async def test_cancelling_a_request_that_does_not_stream_frees_it_too(engine: Started) -> None:
    call = asyncio.create_task(engine.chat(**ENDLESS))
    await engine.until_stats(lambda stats: stats.running == 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await engine.until_stats(lambda stats: stats.running == 0)


async def test_attempts_at_one_request_share_its_id(engine: Started) -> None:
    asked: dict[str, Any] = {"max_tokens": 3, "request_id": "k-7", "stream": True}
    answers = await asyncio.gather(*(engine.chat(**asked) for _ in range(2)), engine.complete(**asked))
    ids = [{event["id"] for event in answer.events} for answer in answers]
    assert ids == [{"chatcmpl-k-7"}, {"chatcmpl-k-7"}, {"cmpl-k-7"}]


async def test_an_assistants_message_is_continued(engine: Started) -> None:
    text = "[simulated] so it goes"
    asked: dict[str, Any] = {"max_tokens": 4, "ignore_eos": True, "temperature": 0}
    question = {"role": "user", "content": "Go on"}
    begun = [question, {"role": "assistant", "content": text}]
    more = {**asked, "continue_final_message": True, "add_generation_prompt": False}
    fresh = (await engine.ask(CHAT, messages=[question], **asked)).json["usage"]
    going = await engine.ask(CHAT, messages=begun, **more, stream=True, stream_options={"include_usage": True})
    assert going.events[0]["choices"][0]["delta"]["role"] == "assistant"
    counted = await engine.engine.count_tokens(text, MODEL)
    assert counted is not None
    assert going.events[-1]["usage"]["completion_tokens"] == 4
    if not engine.info.simulated:
        # To the simulation this is not its own answer, but a message like any other.
        assert going.events[-1]["usage"]["prompt_tokens"] == fresh["prompt_tokens"] + counted


@pytest.mark.parametrize("generation_prompt", [{}, {"add_generation_prompt": True}])
async def test_a_message_is_not_continued_behind_a_new_one(engine: Started, generation_prompt: dict[str, bool]) -> None:
    messages = [{"role": "user", "content": "Go on"}, {"role": "assistant", "content": "Well"}]
    answer = await engine.ask(CHAT, messages=messages, continue_final_message=True, **generation_prompt)
    assert (answer.status, answer.json["error"]["code"]) == (400, 400)


async def test_many_at_once_are_all_answered(engine: Started) -> None:
    before = await engine.engine.stats()
    answers = await asyncio.gather(*(engine.chat(f"Number {i}", max_tokens=16, ignore_eos=True) for i in range(32)))
    assert [answer.json["usage"]["completion_tokens"] for answer in answers] == [16] * 32
    made = before.generation_tokens + 32 * 16
    await engine.until_stats(lambda stats: stats.generation_tokens >= made and stats.running == 0)


# null unless asked for with parameters that OpenAI does not have
VLLM_S_OWN = {"/prompt_token_ids", "/prompt_text"}
SHAPES: list[tuple[str, dict[str, Any]]] = [
    ("chat", {}),
    ("chat", {"stream": True, "stream_options": {"include_usage": True}}),
    ("chat", {"logprobs": True, "top_logprobs": 2}),
    ("complete", {}),
    ("complete", {"stream": True}),
    ("complete", {"logprobs": 1}),
    ("chat", {"model": "another"}),
]


@pytest.mark.engine
@pytest.mark.parametrize(("kind", "body"), SHAPES)
async def test_the_simulation_answers_with_vllm_s_fields(
    engines: Engines, request: pytest.FixtureRequest, kind: str, body: dict[str, Any]
) -> None:
    both = (await engines.simulated(), await engines.child(request.getfixturevalue("vllm_config")))
    shapes = [await shape(engine, kind, body) for engine in both]
    assert sorted(shapes[0] ^ shapes[1]) == []


async def shape(engine: Started, kind: str, body: dict[str, Any]) -> set[str]:
    ask = engine.chat if kind == "chat" else engine.complete
    answer = await ask(**{"max_tokens": 3, "ignore_eos": True, "temperature": 0, **body})
    values = answer.events if body.get("stream") else [answer.json]
    return {path for value in values for path in paths(value)} - VLLM_S_OWN


def paths(value: Any, at: str = "") -> Iterator[str]:
    """The names in a JSON value, each with the way to it."""
    if at.endswith("/top_logprobs") and isinstance(value, dict):
        # named by tokens, which are the model's own
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}/{name}"
            yield from paths(inner, f"{at}/{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, at)
