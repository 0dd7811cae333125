"""What is known of a request: its stored result, and what the processes that have it say."""

import asyncio
from typing import NamedTuple

from tokenlane.v1.recovery_pb2 import RequestState, RequestStatus
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_chassis.results import Result
from tokenlane_ingress.described import first_hand
from tokenlane_proto import subjects
from tokenlane_proto.codec import decode_status
from tokenlane_proto.errors import MalformedMessageError
from tokenlane_proto.topology import KEY_BUCKET, LANES, RESULTS, key_record

_ASK_S = 0.15
# A request is known to a worker or a classifier, to the dispatcher, and to the door that accepted it.
_KNOWERS = 4


class Found(NamedTuple):
    """Either its result, or its state (None: only its key is known). `ahead`: requests that go before it."""

    result: Result | None = None
    status: RequestStatus | None = None
    ahead: int | None = None


class Lookup:
    """Finds requests. All methods raise BusError."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def find(self, tenant: str, request_id: str) -> Found | None:
        """What is known of a tenant's request; None if nothing is."""
        result = await results.load(self._bus, tenant, request_id)
        if result is not None:
            return Found(result)
        status, key_is_known = await asyncio.gather(self._ask(tenant, request_id), self._has_key(tenant, request_id))
        if status is None:
            # It may have ended just now.
            result = await results.load(self._bus, tenant, request_id)
            return Found(result) if result is not None or key_is_known else None
        return Found(status=status, ahead=await self._ahead(status))

    async def is_known(self, tenant: str, request_id: str) -> bool:
        """Whether there is anything to read of a tenant's request, now or later."""
        if await self._has_key(tenant, request_id) or await self._has_ended(tenant, request_id):
            return True
        # It may end between the two questions.
        return await self._ask(tenant, request_id) is not None or await self._has_ended(tenant, request_id)

    async def is_alive(self, tenant: str, request_id: str) -> bool:
        """Whether it has a result, or is somewhere behind the doors."""
        status = await self._ask(tenant, request_id)
        if status is not None and status.state > RequestState.REQUEST_STATE_ACCEPTED:
            return True
        return await self._has_ended(tenant, request_id)

    async def _ahead(self, status: RequestStatus) -> int | None:
        if status.state != RequestState.REQUEST_STATE_QUEUED:
            return None
        if status.HasField("ahead"):
            return status.ahead
        if not status.lane_seq:
            return None
        lane = subjects.lane_filter(status.lane, status.model)
        return await self._bus.count_before(LANES, lane, status.lane_seq)

    async def _has_ended(self, tenant: str, request_id: str) -> bool:
        return await self._bus.last(RESULTS, subjects.result(tenant, request_id)) is not None

    async def _has_key(self, tenant: str, request_id: str) -> bool:
        return await self._bus.get(KEY_BUCKET, key_record(tenant, request_id)) is not None

    async def _ask(self, tenant: str, request_id: str) -> RequestStatus | None:
        answers = await self._bus.ask(subjects.status(tenant), request_id.encode(), _ASK_S, _KNOWERS)
        told = []
        for each in answers:
            try:
                told.append(decode_status(each.data))
            except MalformedMessageError:
                continue
        return first_hand(told)
