"""The whole way with real processes: the official client in front, the bus beside it."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import nats
import openai
import pytest
from nats.aio.client import Client as NatsClient
from openai.types.chat import ChatCompletionUserMessageParam

from tests.support.local_stack import LocalStack
from tokenlane_proto import headers

CHAT = "/v1/chat/completions"
HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello"}]


def test_short_and_long_requests_take_their_lanes(client: openai.OpenAI, stack: LocalStack) -> None:
    for content, lane in (("Hello", "short"), ("Hello, harbour. " * 1000, "long")):
        answer = client.chat.completions.with_raw_response.create(
            model=stack.model, messages=[{"role": "user", "content": content}], max_tokens=8
        )
        assert answer.headers["x-tokenlane-lane"] == lane
        assert int(answer.headers["x-tokenlane-budget-tokens"]) > 8
        assert answer.headers["x-tokenlane-simulated"] == "true"
        assert (answer.parse().choices[0].message.content or "").startswith("[simulated]")


def test_a_stream_brings_every_token_and_its_usage(client: openai.OpenAI, stack: LocalStack) -> None:
    events = client.chat.completions.create(
        model=stack.model, messages=HELLO, max_tokens=50, stream=True, stream_options={"include_usage": True}
    )
    parts, usage = [], None
    for event in events:
        parts += [choice.delta.content or "" for choice in event.choices]
        usage = event.usage or usage
    assert usage is not None
    assert usage.completion_tokens <= 50
    assert "".join(parts).startswith("[simulated]")


def test_models_are_those_of_the_lanes(client: openai.OpenAI, stack: LocalStack) -> None:
    assert [model.id for model in client.models.list()] == [stack.model]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"model": "sim", "messages": [', 400, None),
        (b'{"model": "sim", "messages": "\xff"}', 400, None),
        (b'{"model": "nothing", "messages": []}', 404, "model_not_found"),
        (b'{"model": "sim", "messages": [], "max_tokens": 10000000}', 400, "context_length_exceeded"),
        (b" " * (4 * 1024 * 1024 + 1), 413, None),
    ],
    ids=["malformed", "utf-8", "unknown model", "max_tokens", "too large"],
)
def test_bad_bodies_are_refused_in_milliseconds(
    stack: LocalStack, content: bytes, status: int, code: str | None
) -> None:
    with httpx.Client(base_url=stack.url, headers={"authorization": f"Bearer {stack.key}"}) as http:
        http.get("/healthz")
        answer = http.post(CHAT, content=content)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert code is None or error["code"] == code
    assert answer.elapsed.total_seconds() < 0.5


@pytest.mark.parametrize("authorization", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic eDp5"}])
def test_without_a_known_key_there_is_no_tenant(stack: LocalStack, authorization: dict[str, str]) -> None:
    answer = httpx.post(stack.url + CHAT, json={"model": stack.model, "messages": HELLO}, headers=authorization)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"]


async def test_ten_thousand_tokens_a_second_arrive_whole(stack: LocalStack) -> None:
    """200 streams at once, each token once and in its place."""

    async def words(number: int) -> str:
        body = {"model": stack.model, "messages": [{"role": "user", "content": f"story {number}"}], "max_tokens": 200}
        body |= {"ignore_eos": True, "stream": True}
        async with http.stream("POST", CHAT, json=body) as answer:
            assert answer.status_code == 200
            pieces = []
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    pieces += [choice["delta"].get("content") or "" for choice in json.loads(line[6:])["choices"]]
        return "".join(pieces)

    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=stack.url, headers={"authorization": f"Bearer {stack.key}"}, limits=limits, timeout=60
    ) as http:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        first = await asyncio.gather(*(words(number) for number in range(200)))
        rate = 200 * 200 / (loop.time() - begun)
        again = await asyncio.gather(*(words(number) for number in range(0, 200, 10)))
    assert all(text.startswith("[simulated]") and len(text.split()) > 100 for text in first)
    assert again == first[::10], "the same body gets the same words, none lost, doubled or out of place"
    print(f"{rate:,.0f} tokens/s")


class Bus:
    """A backend service on the bus."""

    def __init__(self, client: NatsClient) -> None:
        self.client = client

    async def publish(self, payload: bytes, fields: dict[str, str] | None = None) -> int:
        return (await self.client.jetstream().publish("requests.demo", payload, headers=fields)).seq

    async def result(self, request_id: str) -> tuple[bytes, dict[str, str]]:
        async with asyncio.timeout(10):
            while True:
                try:
                    stored = await self.client.jetstream().get_last_msg(
                        "TOKENLANE_RESULTS", f"results.demo.{request_id}", direct=True
                    )
                    return stored.data or b"", stored.headers or {}
                except nats.js.errors.NotFoundError:
                    await asyncio.sleep(0.01)


@pytest.fixture
async def bus(stack: LocalStack) -> AsyncIterator[Bus]:
    client = await nats.connect(stack.nats_url)
    yield Bus(client)
    await client.close()


BARE = b'{"model":"sim","messages":[{"role":"user","content":"Hello"}],"max_tokens":8}'


async def test_a_bare_body_is_answered_at_its_inbox(bus: Bus) -> None:
    inbox = await bus.client.subscribe("replies.demo.mine")
    await bus.publish(BARE, {headers.REPLY_INBOX: "mine"})
    answer = await inbox.next_msg(10)
    assert json.loads(answer.data)["usage"]["completion_tokens"] == 8
    assert (answer.headers or {})[headers.STATUS] == "200"


async def test_a_bare_stream_is_answered_in_numbered_parts(bus: Bus) -> None:
    inbox = await bus.client.subscribe("replies.demo.stream")
    body = BARE[:-1] + b',"stream":true}'
    await bus.publish(body, {headers.REPLY_INBOX: "stream"})
    parts = []
    while True:
        part = await inbox.next_msg(10)
        parts.append(part)
        if headers.OUTCOME in (part.headers or {}):
            break
    assert [int((part.headers or {})[headers.SEQ]) for part in parts] == list(range(len(parts)))
    assert b"".join(part.data for part in parts).endswith(b"data: [DONE]\n\n")


async def test_a_bare_body_without_an_inbox_is_answered_in_the_stored_result(bus: Bus) -> None:
    body, fields = await bus.result(f"seq-{await bus.publish(BARE)}")
    assert json.loads(body)["choices"]
    assert fields[headers.OUTCOME] == "completed"


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"{", "400"),
        (b"\xff\xfe\x00", "400"),
        (b"", "400"),
        (b'{"model":"sim"}', "400"),
        (b'{"model":"nothing","messages":[]}', "404"),
        (b'{"model":"sim","messages":[],"max_tokens":10000000}', "400"),
    ],
)
async def test_a_malformed_message_gets_an_error_result_and_never_comes_back(
    bus: Bus, payload: bytes, status: str
) -> None:
    body, fields = await bus.result(f"seq-{await bus.publish(payload)}")
    assert json.loads(body)["error"]["message"]
    assert (fields[headers.STATUS], fields[headers.OUTCOME]) == (status, "failed")
    info = await bus.client.jetstream().consumer_info("TOKENLANE_REQUESTS", "classifier")
    assert (info.num_pending, info.num_redelivered) == (0, 0)
