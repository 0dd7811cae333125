"""Asking through tokenlane is asking vLLM: the same bytes, save ids and timestamps, whatever the request."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel

from tests.support.local_stack import LocalStack
from tests.support.vllm import VllmServer

pytestmark = pytest.mark.engine

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 12}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "find_city", "strict": True, "parameters": SCHEMA}}
_VARYING = (
    (re.compile(rb'"(chatcmpl|cmpl|chatcmpl-tool|call)[-_][0-9A-Za-z_-]+"'), b'"id"'),
    (re.compile(rb'"created":\d+'), b'"created":0'),
)


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    log = tmp_path_factory.mktemp("vllm") / "vllm.log"
    with VllmServer(log, "--enable-auto-tool-choice", "--tool-call-parser", "hermes") as server:
        yield server


@pytest.fixture(scope="module")
def through(vllm: VllmServer) -> Iterator[LocalStack]:
    with LocalStack("--engine-url", vllm.url, "--no-autoscaler", "--lanes", "short:256,long") as stack:
        yield stack


def greedy(**fields: Any) -> dict[str, Any]:
    return {"model": "smollm2", "messages": QUESTION, "temperature": 0, "max_tokens": 24, **fields}


def body_of(url: str, path: str, body: dict[str, Any], key: str) -> tuple[int, bytes, str]:
    headers = {"authorization": f"Bearer {key}"}
    answer = httpx.post(url + path, json=body, headers=headers, timeout=120)
    content = answer.content
    for pattern, replacement in _VARYING:
        content = pattern.sub(replacement, content)
    return answer.status_code, content, answer.headers["content-type"]


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "whole": (CHAT, greedy()),
    "stream": (CHAT, greedy(stream=True)),
    "stream with usage": (CHAT, greedy(stream=True, stream_options={"include_usage": True})),
    "stream with continuous usage": (
        CHAT,
        greedy(stream=True, stream_options={"include_usage": True, "continuous_usage_stats": True}),
    ),
    "tool by name": (CHAT, greedy(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "find_city"}})),
    "tool by name, streamed": (
        CHAT,
        greedy(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "find_city"}}, stream=True),
    ),
    "tools, automatic": (CHAT, greedy(tools=[TOOL])),
    "json schema": (
        CHAT,
        greedy(response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}),
    ),
    "logprobs": (CHAT, greedy(logprobs=True, top_logprobs=2)),
    "stop": (CHAT, greedy(stop=["France"])),
    "seed": (CHAT, greedy(temperature=0.9, seed=7)),
    "n": (CHAT, greedy(n=2, temperature=0.9, seed=7)),
    "n, streamed": (CHAT, greedy(n=2, temperature=0.9, seed=7, stream=True)),
    "a field that only vLLM knows": (CHAT, greedy(min_tokens=20, repetition_penalty=1.2)),
    "completion": (COMPLETIONS, {"model": "smollm2", "prompt": "Paris is", "temperature": 0, "max_tokens": 8}),
    "completions of a list": (
        COMPLETIONS,
        {"model": "smollm2", "prompt": ["Paris is", "Rome is"], "temperature": 0, "max_tokens": 8},
    ),
    "completion, streamed": (
        COMPLETIONS,
        {"model": "smollm2", "prompt": "Paris is", "temperature": 0, "max_tokens": 8, "stream": True},
    ),
    "a value that vLLM refuses": (CHAT, greedy(temperature=-1)),
    "a prompt beyond the context": (CHAT, greedy(messages=[{"role": "user", "content": "word " * 9000}])),
}


def by_choice(answer: tuple[int, bytes, str]) -> tuple[int, bytes, str]:
    """The events of each choice in their order. vLLM itself mixes those of several choices differently each time."""
    status, content, kind = answer
    events = sorted(content.split(b"\n\n"), key=lambda event: re.findall(rb'"choices":\[{"index":(\d+)', event))
    return status, b"\n\n".join(events), kind


REFUSED = {"a value that vLLM refuses", "a prompt beyond the context"}


@pytest.mark.parametrize("case", CASES)
def test_the_bytes_are_those_of_vllm(vllm: VllmServer, through: LocalStack, case: str) -> None:
    path, body = CASES[case]
    # The first time fills the prefix cache, which may change the last digit of a log probability.
    body_of(vllm.url, path, body, "none")
    direct = body_of(vllm.url, path, body, "none")
    assert direct[0] == (400 if case in REFUSED else 200)
    answer = body_of(through.url, path, body, through.key)
    if case == "n, streamed":
        answer, direct = by_choice(answer), by_choice(direct)
    assert answer == direct


def test_the_official_client_sees_no_difference(vllm: VllmServer, through: LocalStack) -> None:
    class City(BaseModel):
        city: str

    clients = [
        openai.OpenAI(base_url=f"{url}/v1", api_key=key)
        for url, key in ((vllm.url, "none"), (through.url, through.key))
    ]
    seen = []
    for client in clients:
        with client:
            parsed = client.chat.completions.parse(
                model="smollm2",
                messages=[{"role": "user", "content": "Name a city as JSON."}],
                temperature=0,
                max_tokens=32,
                response_format=City,
            )
            stream = client.chat.completions.create(
                model="smollm2",
                messages=[{"role": "user", "content": "Count to five."}],
                temperature=0,
                max_tokens=16,
                stream=True,
            )
            text = "".join(choice.delta.content or "" for event in stream for choice in event.choices)
            seen.append((parsed.choices[0].message.parsed, parsed.usage, text))
    assert seen[0] == seen[1]
    assert seen[0][2]
