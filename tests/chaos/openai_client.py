"""The official client, with an idempotency key and more retries; a stream that broke off is asked for again."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import httpx2
import openai

from tests.chaos.answers import Collected, Said, read_whole
from tests.chaos.seen import Seen, pause
from tests.chaos.workload import CHAT, Ask
from tests.support.fleet import api_key

_READ_S = 60
_KNOWN = ("model", "messages", "prompt", "max_tokens", "stream", "stream_options", "stop", "n", "seed", "logprobs")
_FINAL = (openai.BadRequestError, openai.ConflictError, openai.NotFoundError, openai.AuthenticationError)


class OpenAIClient:
    """One official client for each door."""

    def __init__(self, urls: list[str], tenant: str, seed: int, max_retries: int = 4) -> None:
        self._random = random.Random(seed)
        self._clients = [
            openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=api_key(tenant), max_retries=max_retries, timeout=_READ_S)
            for url in urls
        ]

    async def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            await client.close()

    async def ask(self, ask: Ask) -> Seen:
        """Ask until there is a whole answer, a refusal, or no patience left."""
        seen, where, shown = Seen(ask.number), self._random.randrange(len(self._clients)), Collected()
        while True:
            seen.tries += 1
            seen.resumed += bool(shown.texts)
            now = Collected()
            try:
                said = await ask_once(self._clients[where % len(self._clients)], ask, ask.key, _follow(seen, now))
                if said is not None:
                    seen.progress()
                    return seen.end(said)
                error: Exception = EOFError("the stream ended before its end")
            except _FINAL as refusal:
                return seen.end(None, repr(refusal))
            except (openai.APIError, httpx2.TransportError) as failure:
                error = failure
            shown = _longer(shown, now, seen)
            if not seen.patient:
                return seen.end(None, f"no answer in time: {error!r}")
            where += 1
            await asyncio.sleep(pause(seen.tries, None, self._random))


def _follow(seen: Seen, now: Collected) -> Callable[[dict[str, Any]], None]:
    def progress(event: dict[str, Any]) -> None:
        now.add(event)
        seen.progress()

    return progress


async def ask_once(
    client: openai.AsyncOpenAI, ask: Ask, key: str = "", progress: Callable[[dict[str, Any]], None] = lambda _: None
) -> Said | None:
    """One call of the official client; `progress` gets each chunk. None if a stream ended before its end. Raises
    openai.APIError, httpx2.TransportError."""
    resource: Any = client.chat.completions if ask.path == CHAT else client.completions
    known = {name: value for name, value in ask.fields.items() if name in _KNOWN}
    more = {name: value for name, value in ask.fields.items() if name not in _KNOWN}
    headers = {"idempotency-key": key} if key else {}
    answer = await resource.create(**known, extra_body=more, extra_headers=headers)
    if not ask.streamed:
        return read_whole(answer.model_dump_json().encode())
    collected = Collected()
    async with answer:
        async for chunk in answer:
            event = chunk.model_dump(mode="json")
            collected.add(event)
            progress(event)
    return collected.said() if collected.finished else None


def _longer(before: Collected, now: Collected, seen: Seen) -> Collected:
    """The longer of two beginnings of the same answer, which must agree."""
    shorter, longer = sorted((before.texts.get(0, ""), now.texts.get(0, "")), key=len)
    if not longer.startswith(shorter):
        seen.faults.append(
            f"asked again, the stream began with {now.texts[0][:80]!r} instead of {before.texts[0][:80]!r}"
        )
    return max(before, now, key=lambda each: len(each.texts.get(0, "")))
