"""What the door does not let in, and what it says."""

import asyncio
import json

import pytest

from tests.unit.ingress.asking import Asking
from tests.unit.ingress.conftest import AUTHORIZED, CHAT, CHAT_PATH, House


@pytest.mark.parametrize(
    ("body", "param", "said"),
    [
        (b'{"model": "org/model-1.5", "messages": [', None, "not valid JSON"),
        (b"", None, "not valid JSON"),
        (b"[]", None, "object"),
        (b'{"messages": [{}]}', "model", "model"),
        (b'{"model": "org/model-1.5"}', "messages", "messages"),
        (b'{"model": 7, "messages": [{}]}', "model", "str"),
        (b'{"model": "org/model-1.5", "messages": [{}], "max_tokens": 0}', "max_tokens", "at least 1"),
        (b'{"model": "org/model-1.5", "messages": [{"content": "\xff\xfe"}]}', None, "UTF-8"),
        (b"[" * 4000, None, ""),
    ],
)
async def test_a_malformed_body_is_a_400(house: House, body: bytes, param: str | None, said: str) -> None:
    answer = await house.ask(body)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["param"] == param
    assert said in answer.error["message"]
    assert house.upstream.requests.empty()


async def test_completions_need_a_prompt(house: House) -> None:
    answer = await house.ask({"model": CHAT["model"], "messages": []}, "/v1/completions")
    assert (answer.status, answer.error["param"]) == (400, "prompt")


async def test_an_unknown_model_is_a_404(house: House) -> None:
    answer = await house.ask({**CHAT, "model": "gpt-9"})
    assert (answer.status, answer.error["code"]) == (404, "model_not_found")
    assert "`gpt-9` does not exist" in answer.error["message"]


@pytest.mark.parametrize("param", ["max_tokens", "max_completion_tokens"])
async def test_an_output_beyond_every_lane_is_a_400(house: House, param: str) -> None:
    assert (await house.ask({**CHAT, param: 8192})).status == 200
    answer = await house.ask({**CHAT, param: 8193})
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "context_length_exceeded", param)
    assert "8192" in answer.error["message"]


async def test_a_body_that_announces_itself_too_large_is_not_read(house: House) -> None:
    asking = Asking(house.door.app, CHAT_PATH, [], headers={**AUTHORIZED, "content-length": "4097"})
    answer = await asyncio.wait_for(asking(), 5)
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    assert "4096" in answer.error["message"]


async def test_a_body_is_counted_while_it_comes(house: House) -> None:
    answer = await house.ask([b"x" * 2048, b"x" * 2048, b"x", b"x"])
    assert answer.status == 413


async def test_a_body_in_chunks_is_put_together(house: House) -> None:
    body = json.dumps(CHAT).encode()
    assert (await house.ask([body[:20], b"", body[20:]])).status == 200
    assert (await house.upstream.requests.get()).body == body


@pytest.mark.parametrize(
    ("authorization", "code"),
    [({"authorization": "Bearer sk-wrong"}, "invalid_api_key"), ({}, None), ({"authorization": "Basic Zm9v"}, None)],
)
async def test_without_a_key_that_names_a_tenant_nothing_is_read(
    house: House, authorization: dict[str, str], code: str | None
) -> None:
    answer = await Asking(house.door.app, CHAT_PATH, [], headers=authorization)()
    assert (answer.status, answer.error["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "sk-wrong" not in answer.error["message"]


@pytest.mark.parametrize("value", ["0", "-5", "soon", "1" * 13])
async def test_a_wrong_timeout_is_a_400(house: House, value: str) -> None:
    answer = await house.ask(x_tokenlane_timeout_ms=value)
    assert (answer.status, answer.error["param"]) == (400, "x-tokenlane-timeout-ms")


@pytest.mark.parametrize(
    ("header", "value", "said"),
    [
        ("x-tokenlane-priority", "urgent", "interactive, standard or batch"),
        ("x-tokenlane-priority", "Batch", "interactive, standard or batch"),
        ("x-tokenlane-priority", "", "interactive, standard or batch"),
        ("x-tokenlane-priority", "\xff", "interactive, standard or batch"),
        ("x-tokenlane-ttft-ms", "0", "positive number of milliseconds"),
        ("x-tokenlane-ttft-ms", "", "positive number of milliseconds"),
        ("x-tokenlane-ttft-ms", "-5", "positive number of milliseconds"),
        ("x-tokenlane-ttft-ms", "1.5", "positive number of milliseconds"),
        ("x-tokenlane-ttft-ms", "\xb2", "positive number of milliseconds"),
        ("x-tokenlane-ttft-ms", "1" * 10, "positive number of milliseconds"),
    ],
)
async def test_a_wrong_wish_is_a_400_that_names_the_header(house: House, header: str, value: str, said: str) -> None:
    answer = await Asking(house.door.app, CHAT_PATH, json.dumps(CHAT).encode(), headers={**AUTHORIZED, header: value})()
    assert (answer.status, answer.error["type"], answer.error["param"]) == (400, "invalid_request_error", header)
    assert header in answer.error["message"]
    assert said in answer.error["message"]
    assert house.upstream.requests.empty()


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/embeddings", "/v1/chat/completions/", "/v2/models"])
async def test_an_unknown_path_is_a_404(house: House, path: str) -> None:
    answer = await house.ask(path=path)
    assert (answer.status, answer.error["code"]) == (404, "unknown_url")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CHAT_PATH, "POST, OPTIONS"),
        ("PUT", "/v1/completions", "POST, OPTIONS"),
        ("POST", "/v1/models", "GET, HEAD, OPTIONS"),
        ("DELETE", "/v1/models/org/model-1.5", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_a_405_that_names_the_right_ones(
    house: House, method: str, path: str, allowed: str
) -> None:
    answer = await house.get(path, method)
    assert (answer.status, answer.error["code"], answer.headers["allow"]) == (405, "method_not_supported", allowed)
    options = await house.get(path, "OPTIONS")
    assert (options.status, options.headers["allow"], options.body) == (200, allowed, b"")
