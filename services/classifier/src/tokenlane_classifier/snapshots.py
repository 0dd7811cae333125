"""The estimates in their bucket: written piece by piece by whichever replica finds one stale, and read by all.

A replica reads a piece and merges it before it writes, and writes only in the place of what it has read. So one that
has just started never overwrites what others know. Each hears the same usage events; what it takes from a snapshot is
what it missed.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence

import structlog

from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusError
from tokenlane_classifier.estimate.shared import Shard, Snapshot, decode, encode
from tokenlane_classifier.metrics import Metrics
from tokenlane_proto import topology

_BUCKET = topology.ESTIMATE_BUCKET
_NEVER = 0


class Snapshots:
    """`clock` returns milliseconds since the Unix epoch, `learned` how many events this replica has learned from."""

    def __init__(
        self,
        bus: Bus,
        shards: Sequence[Shard],
        learned: Callable[[], int],
        writer: str,
        interval_s: float,
        clock: Callable[[], int],
        metrics: Metrics,
        log: structlog.stdlib.BoundLogger,
    ) -> None:
        """`writer` tells this replica from others."""
        self._bus = bus
        self._shards = shards
        self._learned = learned
        self._writer = writer
        self._interval_s = interval_s
        self._clock = clock
        self._metrics = metrics
        self._log = log
        # By key: the revision that was read last and when it was written; how much was learned when this wrote last.
        self._read: dict[str, tuple[int, int]] = {}
        self._told: dict[str, int] = {}
        # When the bucket answered last.
        self.reached_unix_ms = clock()

    async def load(self) -> int | None:
        """Take over all that is there. Returns when the oldest piece was written, in milliseconds since the Unix epoch;
        None where there is nothing. Raises BusUnavailableError."""
        written = [await self._take(shard) for shard in self._shards]
        return min((when for when in written if when != _NEVER), default=None)

    async def keep(self) -> None:
        """Visit one piece after the other, each once an interval, until cancelled. A broker that is away is waited
        for."""
        for shard in itertools.cycle(self._shards):
            await asyncio.sleep(self._interval_s / len(self._shards))
            try:
                await self.visit(shard)
            except BusError as error:
                self._metrics.shared("failed")
                self._log.warning("estimates not shared", key=shard.key, reason=str(error))

    async def visit(self, shard: Shard) -> None:
        """Take over what another replica wrote, and write where that is stale. Raises BusError."""
        written = await self._take(shard)
        now, learned = self._clock(), self._learned()
        # A writer whose clock is ahead by more than an interval keeps nobody from writing.
        if abs(now - written) < self._interval_s * 1_000 or learned == self._told.get(shard.key, 0):
            return
        value = encode(Snapshot(now, self._writer, shard.dump()))
        if await self._bus.update(_BUCKET, shard.key, value, self._read[shard.key][0]):
            self._told[shard.key] = learned
            self._metrics.shared("written")
        else:
            self._metrics.shared("conflict")

    async def _take(self, shard: Shard) -> int:
        """Merge the stored piece unless it is known. Returns when it was written."""
        revision, value = await self._bus.entry(_BUCKET, shard.key)
        self.reached_unix_ms = self._clock()
        known = self._read.get(shard.key)
        if known is None or known[0] != revision:
            known = self._read[shard.key] = (revision, _NEVER if value is None else self._absorb(shard, value))
        return known[1]

    def _absorb(self, shard: Shard, value: bytes) -> int:
        try:
            snapshot = decode(value)
            if snapshot.writer != self._writer:
                shard.absorb(snapshot.data)
                self._metrics.shared("absorbed")
        except ValueError as error:
            self._metrics.shared("ignored")
            self._log.warning("snapshot of estimates ignored", key=shard.key, reason=str(error))
            return _NEVER
        return snapshot.written_unix_ms
