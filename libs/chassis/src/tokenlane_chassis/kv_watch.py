"""Following a key-value bucket through server restarts."""

import asyncio
import contextlib

import structlog
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from tokenlane_chassis.bus import ValueHandler
from tokenlane_chassis.tasks import end

_RETRY_S = 1
_RELIST_S = 15


class KeyValueWatch:
    """Calls the handler with each key and value. The bucket is listed anew now and then: the server forgets a watcher
    when it restarts, and the client does not notice."""

    def __init__(
        self, jetstream: JetStreamContext, bucket: str, handler: ValueHandler, log: structlog.stdlib.BoundLogger
    ) -> None:
        self._jetstream = jetstream
        self._bucket = bucket
        self._handler = handler
        self._log = log
        self._seen: dict[str, int] = {}
        self._listed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once the present values were handed over."""
        self._task = asyncio.create_task(self._follow(), name=f"watch-{self._bucket}")
        listed = asyncio.create_task(self._listed.wait())
        await asyncio.wait({self._task, listed}, return_when=asyncio.FIRST_COMPLETED)
        listed.cancel()

    async def restart(self) -> None:
        """List and follow anew, after a reconnect."""
        if self._task is not None:
            await self.unsubscribe()
            self._task = asyncio.create_task(self._follow(), name=f"watch-{self._bucket}")

    async def unsubscribe(self) -> None:
        if self._task is not None:
            await end(self._task)

    async def _follow(self) -> None:
        while True:
            try:
                await self._watch_for(_RELIST_S)
            except NatsError as error:
                self._log.warning("watch interrupted", bucket=self._bucket, error=str(error))
                await asyncio.sleep(_RETRY_S)

    async def _watch_for(self, seconds: float) -> None:
        watcher = await (await self._jetstream.key_value(self._bucket)).watchall()
        try:
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        entry = await watcher.updates(timeout=seconds)  # type: ignore[no-untyped-call]
                    except NatsTimeoutError:
                        return
                    if entry is None:
                        self._listed.set()
                    else:
                        self._hand_over(entry)
        except TimeoutError:
            return
        finally:
            with contextlib.suppress(NatsError):
                await watcher.stop()  # type: ignore[no-untyped-call]

    def _hand_over(self, entry: KeyValue.Entry) -> None:
        if self._seen.get(entry.key) == entry.revision:
            return
        self._seen[entry.key] = entry.revision or 0
        self._handler(entry.key, None if entry.operation in ("DEL", "PURGE") else entry.value)
