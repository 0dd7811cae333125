"""A plain HTTP client that does what the protocol offers: an idempotency key, and resuming after the last event."""

import asyncio
import random

import httpx

from tests.chaos.answers import Collected, StreamedError, read_whole
from tests.chaos.seen import Seen, pause
from tests.chaos.workload import Ask
from tests.support.fleet import api_key

_AGAIN = (429, 500, 502, 503, 504)
# Errors of a stream that say nothing of the request itself.
_PASSING = ("shutting_down", "bus_unavailable", "answer_broken")
_READ_S = 60
_FINAL_TRIES = 3


class _Broken(Exception):
    """The answer broke off; ask again. `retry_after` as the server said."""

    def __init__(self, reason: str, retry_after: str | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class _Refused(Exception):
    """An answer that asking again will not change."""


class HttpClient:
    """Asks any of `urls`, the next one after a failure. Half of the streams resume by GET, half by asking again."""

    def __init__(self, urls: list[str], tenant: str, seed: int) -> None:
        self._urls = urls
        self._random = random.Random(seed)
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
        timeout = httpx.Timeout(_READ_S, connect=5)
        self._http = httpx.AsyncClient(
            headers={"authorization": f"Bearer {api_key(tenant)}"}, limits=limits, timeout=timeout, trust_env=False
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, ask: Ask) -> Seen:
        """Ask until there is a whole answer, a refusal, or no patience left."""
        request = _Request(self._http, ask)
        seen, where = request.seen, self._random.randrange(len(self._urls))
        while True:
            seen.tries += 1
            try:
                await request.once(self._urls[where % len(self._urls)])
                return seen
            except _Refused as refusal:
                return seen.end(None, str(refusal))
            except (_Broken, httpx.TransportError) as error:
                if not seen.patient:
                    return seen.end(None, f"no answer in time: {error!r}")
                retry_after = error.retry_after if isinstance(error, _Broken) else None
            where += 1
            await asyncio.sleep(pause(seen.tries, retry_after, self._random))


class _Request:
    """One request over all its tries."""

    def __init__(self, http: httpx.AsyncClient, ask: Ask) -> None:
        self.seen = Seen(ask.number)
        self._http = http
        self._ask = ask
        self._collected = Collected()
        self._request_id = ""
        self._last_event = ""
        self._failures: dict[str, int] = {}

    async def once(self, url: str) -> None:
        """One try. Raises _Broken, _Refused, httpx.TransportError."""
        headers = {"idempotency-key": self._ask.key, "content-type": "application/json"}
        if self._last_event:
            self.seen.resumed += 1
            headers["last-event-id"] = self._last_event
        if self._last_event and self._ask.number % 2:
            source = self._http.stream("GET", f"{url}/v1/requests/{self._request_id}/events", headers=headers)
        else:
            source = self._http.stream("POST", url + self._ask.path, content=self._ask.body, headers=headers)
        async with source as answer:
            self._request_id = answer.headers.get("x-request-id", self._request_id)
            if answer.status_code != 200:
                self._refused(answer, (await answer.aread())[:300])
            if not self._ask.streamed:
                said = read_whole(await answer.aread())
                self.seen.progress()
                self.seen.end(said)
                return
            await self._events(answer)
        if not self._collected.done:
            raise _Broken("the stream ended before its end")
        self.seen.end(self._collected.said())

    def _refused(self, answer: httpx.Response, body: bytes) -> None:
        said = f"{answer.status_code} {body!r}"
        if answer.status_code in _AGAIN:
            self._failed_again(said)
            raise _Broken(said, answer.headers.get("retry-after"))
        raise _Refused(said)

    def _failed_again(self, said: str) -> None:
        """A failure that comes back the same is the request's own, unless it says that the server is away."""
        if any(code in said for code in _PASSING):
            return
        self._failures[said] = self._failures.get(said, 0) + 1
        if self._failures[said] >= _FINAL_TRIES:
            raise _Refused(said)

    async def _events(self, answer: httpx.Response) -> None:
        rest = b""
        async for chunk in answer.aiter_raw():
            *events, rest = (rest + chunk).split(b"\n\n")
            for event in events:
                # A comment says that the request waits.
                if not event.startswith(b":"):
                    self._event(event.decode())

    def _event(self, event: str) -> None:
        fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line)
        before = self._collected.texts.get(0, "")
        try:
            self._collected.feed(fields["data"])
        except StreamedError as error:
            self._failed_again(f"{error.code}: {error}")
            raise _Broken(str(error)) from None
        self.seen.progress(before=before)
        self._check_id(fields.get("id", ""))

    def _check_id(self, event_id: str) -> None:
        """Events are numbered from 1 without a gap, over all connections."""
        number = event_id.split("-")[0]
        if number != str(self.seen.events):
            self.seen.faults.append(f"event {self.seen.events} has the id {event_id!r} after {self._last_event!r}")
        self._last_event = event_id
