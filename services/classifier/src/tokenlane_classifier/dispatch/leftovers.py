"""Messages of lanes that nobody will get any more.

A single nats-server that is killed may remember that a message was acknowledged, and forget that it deleted it (seen
with 2.15; the servers of a cluster look for such messages every two minutes). It is never delivered again, and counts
as work that waits. What belongs to a request that has its result is of no use to anybody, and is deleted.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import aclosing

import structlog

from tokenlane_chassis.bus import Bus
from tokenlane_classifier.line.waiting import Place
from tokenlane_proto import codec, subjects, topology
from tokenlane_proto.errors import MalformedMessageError

# Of a lane that has more than its consumer knows of, so many are looked at in one go.
_MOST = 1_000


class Leftovers:
    """Looks at what is stored and at what consumers know; acts on what differs twice in a row."""

    def __init__(self, bus: Bus, log: structlog.stdlib.BoundLogger) -> None:
        self._bus = bus
        self._log = log
        self._more: set[tuple[str, Place]] = set()

    async def look(self, counts: Mapping[str, int], places: Iterable[tuple[str, Place]]) -> None:
        """`counts` of stored messages by subject; models and places that workers serve. Raises BusError."""
        stored: Counter[tuple[str, Place]] = Counter()
        for subject, count in counts.items():
            with contextlib.suppress(MalformedMessageError):
                if not subjects.is_held(subject):
                    parts = subjects.parse_lane(subject)
                    stored[parts.model, Place(parts.lane, parts.fits)] += count
        before, self._more = self._more, set()
        for model, place in places:
            if await self._has_more(stored[model, place], model, place):
                self._more.add((model, place))
                if (model, place) in before:
                    await self._delete(model, place)

    async def _has_more(self, stored: int, model: str, place: Place) -> bool:
        if not stored:
            return False
        known = await self._bus.consumer_counts(topology.lane_consumer(place.lane, place.fits, model))
        return stored > known.pending + known.in_progress

    async def _delete(self, model: str, place: Place) -> None:
        looked = 0
        async with aclosing(
            self._bus.read(topology.LANES, subjects.lane_filter(place.lane, model, place.fits))
        ) as found:
            async for message in found:
                looked += 1
                with contextlib.suppress(MalformedMessageError):
                    tenant, request = subjects.parse_lane(message.subject).tenant, codec.decode_request(message.data)
                    result = subjects.result(tenant, request.request_id)
                    if await self._bus.last(topology.RESULTS, result) is not None:
                        await self._bus.delete_message(topology.LANES, message.seq)
                        self._log.info("leftover deleted", subject=message.subject, seq=message.seq)
                if looked >= _MOST:
                    return
