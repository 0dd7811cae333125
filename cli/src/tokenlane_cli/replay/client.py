"""One request of a replay, sent and timed."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from tokenlane_cli.replay.sse import EventCounter, StreamEnd, error_message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the client saw. Times in seconds; `sent_s` after the start of the replay; None: not known or not reached."""

    index: int
    sent_s: float
    lane: str = ""
    budget_tokens: int | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    events: int = 0
    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    queue_s: float | None = None
    simulated: bool = False
    error: str = ""


class LoadClient:
    """Sends bodies to one ingress. As many connections as there are requests in flight."""

    def __init__(self, url: str, api_key: str, timeout_s: float) -> None:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=10),
            headers={"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"},
            auto_decompress=False,
        )
        self._url = f"{url.rstrip('/')}/v1/chat/completions"

    async def send(self, index: int, sent_s: float, body: bytes) -> Outcome:
        """The outcome, whatever it is. Does not raise for what the other side does."""
        counter = EventCounter()
        began = time.perf_counter()
        first = last = began
        headers: Mapping[str, str] = {}
        try:
            async with self._http.post(self._url, data=body) as response:
                headers = response.headers
                if response.status != 200:
                    said = error_message(await response.read())
                    return _outcome(index, sent_s, headers, StreamEnd(error=f"{response.status}: {said}"))
                while chunk := await response.content.readany():
                    last = time.perf_counter()
                    first = first if counter.events else last
                    counter.feed(chunk)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            said = str(error) or type(error).__name__
            return _outcome(index, sent_s, headers, StreamEnd(error=said), counter.events)
        end = counter.end()
        return _outcome(index, sent_s, headers, end, counter.events, first - began, last - began)

    async def __aenter__(self) -> "LoadClient":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.close()


def _outcome(
    index: int,
    sent_s: float,
    headers: Mapping[str, str],
    end: StreamEnd,
    events: int = 0,
    ttft_s: float | None = None,
    e2e_s: float | None = None,
) -> Outcome:
    output = end.output_tokens
    spaced = ttft_s is not None and e2e_s is not None and output is not None and output > 1
    budget, queue = headers.get("x-tokenlane-budget-tokens", ""), headers.get("x-tokenlane-queue-ms", "")
    return Outcome(
        index=index,
        sent_s=sent_s,
        lane=headers.get("x-tokenlane-lane", ""),
        budget_tokens=int(budget) if budget.isdecimal() else None,
        prompt_tokens=end.prompt_tokens,
        output_tokens=output,
        events=events,
        ttft_s=ttft_s,
        tpot_s=(e2e_s - ttft_s) / (output - 1) if spaced else None,  # type: ignore[operator]
        e2e_s=e2e_s,
        queue_s=float(queue) / 1000 if queue.replace(".", "", 1).isdecimal() else None,
        simulated=headers.get("x-tokenlane-simulated") == "true",
        error=end.error,
    )
