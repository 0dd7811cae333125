"""A simulated answer that is cut anywhere and gone on with by another engine is the undisturbed answer."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.worker.resuming import known_of, planned, rest_of
from tests.unit.worker.simulated import CHAT, COMPLETIONS, MODEL, Recorder, asked, chat, completion, engine, run
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_proto import events
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig
from tokenlane_worker.engine.simulated.words import OPENING
from tokenlane_worker.resume.continuation import continuation_body
from tokenlane_worker.resume.plan import Continue, Finished, Regenerate, Restart

FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "max_tokens": st.integers(1, 12),
    "min_tokens": st.integers(0, 12),
    "ignore_eos": st.booleans(),
    "seed": st.integers(0, 9),
    "temperature": st.sampled_from([0, 1]),
    "stop": st.lists(st.sampled_from(["a", "in", " t", "ow "]), max_size=2),
    "include_stop_str_in_output": st.booleans(),
    "stream_options": st.fixed_dictionaries({"include_usage": st.booleans()}),
}
ASKED = st.fixed_dictionaries({}, optional=FIELDS).filter(
    lambda fields: fields.get("min_tokens", 0) <= fields.get("max_tokens", 12)
)
REPEATABLE: dict[str, st.SearchStrategy[Any]] = {
    "n": st.integers(1, 3),
    "logprobs": st.just(1),
    "presence_penalty": st.just(0.5),
    "response_format": st.just({"type": "json_object"}),
    "stream_options": st.just({"include_usage": True, "continuous_usage_stats": True}),
}
CONTENT = st.sampled_from(["tell me", "", f"and {OPENING}again", "Grüße, 世界"])


def another_engine() -> SimulatedEngine:
    return SimulatedEngine(SimulatedEngineConfig(MODEL), now=lambda: 1_800_000_000)


async def every_cut(path: str, body: bytes) -> None:
    """Cut the answer after each of its events, have another engine go on, and hold it against the undisturbed one."""
    async with engine() as first:
        whole = Recorder()
        await first.generate(path, body, whole, "r")
    second = another_engine()
    await second.start()
    for count in range(events.count(whole.body) + 1):
        known = known_of(whole.body, count)
        rest = await rest_of(second, path, body, known)
        if not count:
            # Nothing was shown: the answer has the time of the attempt that shows it.
            assert events.digest(rest) == events.digest(whole.body)
        elif isinstance(planned(path, body, known), Finished):
            assert known.data + rest == whole.body or known.data + rest == without_usage(whole.body)
        else:
            assert known.data + rest == whole.body
    await second.stop()


def without_usage(whole: bytes) -> bytes:
    """An answer all of whose text was shown ends without the usage that came after it."""
    *text, usage, done = events.split(whole)
    assert b'"choices":[]' in usage
    return b"".join(text) + done


@settings(deadline=None, max_examples=40)
@given(CONTENT, ASKED)
@example("tell me", {"max_tokens": 12, "stream_options": {"include_usage": True}})
@example("tell me", {"max_tokens": 200, "min_tokens": 40})
def test_a_chat_is_continued_at_every_cut(content: str, fields: dict[str, Any]) -> None:
    run(every_cut(CHAT, chat(content, stream=True, **{"max_tokens": 12} | fields)))


@settings(deadline=None, max_examples=40)
@given(CONTENT.filter(bool), ASKED)
def test_a_completion_is_continued_at_every_cut(content: str, fields: dict[str, Any]) -> None:
    run(every_cut(COMPLETIONS, completion(content, stream=True, **fields)))


@settings(deadline=None, max_examples=40)
@given(ASKED, st.fixed_dictionaries({}, optional=REPEATABLE), st.sampled_from([CHAT, COMPLETIONS]))
def test_what_cannot_be_continued_is_regenerated_at_every_cut(
    fields: dict[str, Any], more: dict[str, Any], path: str
) -> None:
    if path == CHAT and "logprobs" in more:
        more = {**more, "logprobs": True}
    make = chat if path == CHAT else completion
    run(every_cut(path, make(stream=True, **{"max_tokens": 12} | fields | {"seed": 1} | more)))


def test_a_message_that_the_client_wants_continued_is_continued_at_every_cut() -> None:
    for begun in ("The sea", f"{OPENING}no words of it", f"{OPENING}"):
        messages = [{"role": "user", "content": "tell me"}, {"role": "assistant", "content": begun}]
        more = {"continue_final_message": True, "add_generation_prompt": False}
        run(every_cut(CHAT, json.dumps({"messages": messages, "max_tokens": 12, "stream": True, **more}).encode()))


def test_every_cut_of_a_chat_is_one_that_is_continued() -> None:
    body = chat(stream=True, max_tokens=9, ignore_eos=True)

    async def main() -> None:
        async with engine() as running:
            whole = (await asked(running, body)).body
        plans = [type(planned(CHAT, body, known_of(whole, count))) for count in range(events.count(whole) - 1)]
        assert plans == [Restart] + [Continue] * 9
        repeated = chat(stream=True, max_tokens=9, ignore_eos=True, logprobs=True, seed=1)
        assert type(planned(CHAT, repeated, known_of(whole, 4))) is Regenerate

    run(main())


@settings(deadline=None, max_examples=40)
@given(ASKED.map(lambda fields: {**fields, "stream_options": None}), st.sampled_from([CHAT, COMPLETIONS]))
def test_an_answer_that_is_not_streamed_is_continued_at_every_word(fields: dict[str, Any], path: str) -> None:
    body = (chat if path == CHAT else completion)(**{"max_tokens": 12} | fields)
    endpoint = Endpoint.ENDPOINT_CHAT_COMPLETIONS if path == CHAT else Endpoint.ENDPOINT_COMPLETIONS

    async def main() -> None:
        async with engine() as running:
            text, reason, usage = read((await asked(running, body, path)).json)
            pieces = text.removeprefix(OPENING).split(" ")
            for count in range(usage["completion_tokens"] - 1):
                begun = OPENING + " ".join(pieces[:count])
                if begun == text or not text.startswith(begun):
                    continue
                tokens = await running.count_tokens(begun, MODEL)
                assert tokens == count + 1
                rest = continuation_body(endpoint, body, begun, tokens)
                assert rest is not None
                more, why, counts = read((await asked(running, rest, path)).json)
                assert (begun + more, why) == (text, reason)
                assert counts["prompt_tokens"] == usage["prompt_tokens"] + tokens
                assert counts["completion_tokens"] == usage["completion_tokens"] - tokens

    run(main())


def read(answer: Any) -> tuple[str, str, Any]:
    choice = answer["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    return text, choice["finish_reason"], answer["usage"]
