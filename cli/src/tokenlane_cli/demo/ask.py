"""Asking through the official `openai` client, as a user would, and timing what comes back."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import openai
from openai import AsyncOpenAI

from tokenlane_cli.demo.requests import Ask


@dataclass(frozen=True, slots=True)
class Answer:
    """What the client saw of one request. Times in seconds, None: not known. `number` counts from 1."""

    number: int
    lane: str = ""
    budget_tokens: int | None = None
    tokens: int | None = None
    output_tokens: int | None = None
    queue_s: float | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    simulated: bool = False
    text: str = ""
    error: str = ""


async def ask_all(
    client: AsyncOpenAI, model: str, asks: Sequence[Ask], concurrency: int, answered: Callable[[Answer], None]
) -> list[Answer]:
    """All answers in the order of the questions. At most `concurrency` are asked at a time; `answered` gets each one
    when it is complete."""
    slots = asyncio.Semaphore(concurrency)

    async def one(number: int, ask: Ask) -> Answer:
        async with slots:
            answer = await ask_one(client, model, number, ask)
        answered(answer)
        return answer

    return await asyncio.gather(*(one(number, ask) for number, ask in enumerate(asks, start=1)))


async def ask_one(client: AsyncOpenAI, model: str, number: int, ask: Ask) -> Answer:
    """One streamed question. An error of the API is part of the answer, not an exception."""
    began = time.perf_counter()
    first = last = None
    pieces: list[str] = []
    usage = None
    try:
        raw = await client.chat.completions.with_raw_response.create(
            model=model,
            messages=[{"role": "user", "content": ask.prompt}],
            max_tokens=ask.max_tokens,
            stream=True,
            stream_options={"include_usage": True},
            temperature=0,
        )
        async for chunk in raw.parse():
            usage = chunk.usage or usage
            if chunk.choices and chunk.choices[0].delta.content:
                last = time.perf_counter()
                first = first or last
                pieces.append(chunk.choices[0].delta.content)
    except openai.OpenAIError as error:
        return Answer(number, error=str(error))
    output = usage.completion_tokens if usage else None
    return Answer(
        number=number,
        lane=raw.headers.get("x-tokenlane-lane", ""),
        budget_tokens=_int(raw.headers, "x-tokenlane-budget-tokens"),
        tokens=usage.total_tokens if usage else None,
        output_tokens=output,
        queue_s=_queue_s(raw.headers),
        ttft_s=first - began if first else None,
        tpot_s=(last - first) / (output - 1) if first and last and output and output > 1 else None,
        simulated=raw.headers.get("x-tokenlane-simulated") == "true",
        text="".join(pieces),
    )


def _int(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "")
    return int(value) if value.isdecimal() else None


def _queue_s(headers: Mapping[str, str]) -> float | None:
    try:
        return float(headers["x-tokenlane-queue-ms"]) / 1000
    except (KeyError, ValueError):
        return None
