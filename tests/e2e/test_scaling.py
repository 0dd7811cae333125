"""A backlog in tokens starts a worker of its lane, for real."""

import asyncio
import time

import httpx

from tests.support.local_stack import LocalStack

# Decide each second, on a lane that one worker works off in minutes and no other lane helps.
QUICK = {
    "TOKENLANE_INTERVAL_S": "1",
    "TOKENLANE_WINDOW_S": "10",
    "TOKENLANE_TARGET_DRAIN_S": "1",
    "TOKENLANE_ISOLATION": "strict",
}


def workers(stack: LocalStack, lane: str) -> set[str]:
    return {process.name for process in stack.processes() if process.lane == lane}


async def test_a_backlog_starts_another_worker() -> None:
    with LocalStack("--engine", "sim", "--sim-profile", "h100-llama3-8b", env=QUICK) as stack:
        body = {"model": stack.model, "messages": [{"role": "user", "content": "harbour " * 2000}], "max_tokens": 2000}
        headers = {"authorization": f"Bearer {stack.key}"}
        async with httpx.AsyncClient(base_url=stack.url, headers=headers, timeout=None) as http:
            asks = [
                asyncio.create_task(http.post("/v1/chat/completions", json=body | {"ignore_eos": True, "seed": number}))
                for number in range(90)
            ]
            deadline = time.monotonic() + 60
            while workers(stack, "long") < {"worker-long-1", "worker-long-2"}:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            for ask in asks:
                ask.cancel()
            await asyncio.gather(*asks, return_exceptions=True)
        assert workers(stack, "short") == {"worker-short-1"}
