"""The Python client of the bus; it resumes by itself, and asks again only where the bus did not answer."""

import asyncio
import random

from tests.chaos.answers import Collected, Said, read_whole
from tests.chaos.seen import Seen, pause
from tests.chaos.workload import Ask
from tokenlane_client import BusUnavailable, Client, TokenlaneError


class BusClient:
    """One connection to the bus. Half of the whole answers are submitted and fetched in two steps."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)

    @classmethod
    async def connect(cls, nats_url: str, tenant: str, seed: int) -> "BusClient":
        """Connect to the bus."""
        return cls(await Client.connect(nats_url, tenant), seed)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def ask(self, ask: Ask) -> Seen:
        """Ask until there is an answer, a refusal, or no patience left."""
        seen = Seen(ask.number)
        while True:
            seen.tries += 1
            try:
                said = await (self._streamed(ask, seen) if ask.streamed else self._whole(ask, seen))
                return seen.end(said)
            except BusUnavailable as error:
                if not seen.patient:
                    return seen.end(None, repr(error))
            except TokenlaneError as error:
                return seen.end(None, repr(error))
            await asyncio.sleep(pause(seen.tries, None, self._random))

    async def _whole(self, ask: Ask, seen: Seen) -> Said:
        if ask.number % 2:
            handle = await self._client.submit(ask.fields, idempotency_key=ask.key)
            answer = await handle.result()
        else:
            answer = await self._client.create(ask.fields, idempotency_key=ask.key)
        seen.progress()
        return read_whole(answer.model_dump_json().encode())

    async def _streamed(self, ask: Ask, seen: Seen) -> Said:
        collected = Collected()
        async with self._client.stream(ask.fields, idempotency_key=ask.key) as stream:
            async for chunk in stream:
                collected.add(chunk.model_dump(mode="json"))
                seen.progress()
        return collected.said()
