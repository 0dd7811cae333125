"""A tenant's limits as the official client meets them."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionUserMessageParam

from tests.support.local_stack import LocalStack
from tests.support.waiting import until
from tokenlane_cli.local_defaults import TENANT
from tokenlane_client import Client, Handle, RequestFailed

HELLO: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "Hello"}]
WHOLE = {"ignore_eos": True}
TOKENS = 3_000


@contextmanager
def limited(stack: LocalStack, *limits: str) -> Iterator[None]:
    """The stack's tenant has these limits meanwhile."""
    command = [sys.executable, "-m", "tokenlane_cli", "tenant"]
    there = ["--nats-url", stack.nats_url]
    subprocess.run([*command, "set", TENANT, *limits, *there], check=True, capture_output=True)
    try:
        yield
    finally:
        none = [part for limit in limits[::2] for part in (limit, "0")]
        subprocess.run([*command, "set", TENANT, *none, *there], check=True, capture_output=True)


async def exhausted(stack: LocalStack, client: openai.AsyncOpenAI) -> openai.RateLimitError:
    """The first refusal, once the tenant took what it may."""
    refusals: list[openai.RateLimitError] = []

    async def refused() -> bool:
        try:
            await client.chat.completions.create(model=stack.model, messages=HELLO, max_tokens=TOKENS, extra_body=WHOLE)
        except openai.RateLimitError as error:
            refusals.append(error)
        return bool(refusals)

    await until(refused, 30)
    return refusals[0]


@pytest.mark.parametrize("key", ["", "order-43"], ids=["no key", "idempotency key"])
async def test_a_client_comes_again_when_it_is_told_to_and_is_served(stack: LocalStack, key: str) -> None:
    once = openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=stack.key, max_retries=0)
    with limited(stack, "--tokens-per-minute", "24000"):
        async with once, once.with_options(max_retries=2) as client:
            refusal = await exhausted(stack, once)
            assert refusal.code == "tokens_per_minute_exceeded"
            assert 0 < int(refusal.response.headers["retry-after-ms"]) < 60_000
            answer = await client.chat.completions.with_raw_response.create(
                model=stack.model,
                messages=HELLO,
                max_tokens=TOKENS,
                extra_body=WHOLE,
                extra_headers={"idempotency-key": key} if key else {},
            )
    assert answer.retries_taken >= 1
    assert (answer.parse().choices[0].message.content or "").startswith("[simulated]")


async def test_a_prompt_that_is_too_long_for_its_tenant_is_refused_for_good(stack: LocalStack) -> None:
    long: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "a sentence of six words. " * 800}]
    refusals: list[openai.BadRequestError] = []
    with limited(stack, "--context-tokens", "2000"):
        async with openai.AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=stack.key) as client:

            async def refused() -> bool:
                try:
                    await client.chat.completions.create(model=stack.model, messages=long, max_tokens=8)
                except openai.BadRequestError as error:
                    refusals.append(error)
                return bool(refusals)

            await until(refused, 30)
            answer = await client.chat.completions.create(model=stack.model, messages=HELLO, max_tokens=8)
    assert refusals[0].code == "context_length_exceeded"
    assert answer.choices[0].message.content


async def test_who_only_submits_is_told_too_and_comes_again_under_the_key(stack: LocalStack) -> None:
    refusals: list[RequestFailed] = []

    with limited(stack, "--tokens-per-minute", "24000"):
        async with await Client.connect(stack.nats_url, TENANT) as client:

            async def submitted(key: str) -> Handle[ChatCompletion]:
                return await client.submit(
                    model=stack.model, messages=HELLO, max_tokens=TOKENS, extra_body=WHOLE, idempotency_key=key
                )

            async def refused() -> bool:
                handle = await submitted(f"invoice-{len(keys)}")
                keys.append(handle.idempotency_key)
                try:
                    await asyncio.wait_for(handle.result(), 20)
                except RequestFailed as error:
                    refusals.append(error)
                return bool(refusals)

            keys: list[str] = []
            await until(refused, 60)
            assert (refusals[0].status, refusals[0].code) == (429, "tokens_per_minute_exceeded")
            assert refusals[0].retry_after_s
            await asyncio.sleep(refusals[0].retry_after_s)
            answer = await asyncio.wait_for((await submitted(keys[-1])).result(), 20)
    assert (answer.choices[0].message.content or "").startswith("[simulated]")
