"""Handing a request to the bus. Its acknowledgement is the acceptance."""

from collections.abc import Mapping

from tokenlane_chassis.bus import Bus
from tokenlane_chassis.errors import BusUnavailableError, MessageTooLargeError, StreamFullError
from tokenlane_ingress import errors
from tokenlane_ingress.errors import ErrorAnswer
from tokenlane_ingress.exchange import Exchange
from tokenlane_proto import subjects
from tokenlane_proto.headers import MSG_ID


class Publisher:
    """Publishes requests, each under a message id that the stream keeps apart."""

    def __init__(self, bus: Bus, max_body_bytes: int) -> None:
        self._bus = bus
        self._max_body_bytes = max_body_bytes
        self._newest = 0

    async def publish(self, exchange: Exchange, payload: bytes, trace: Mapping[str, str] | None) -> ErrorAnswer | None:
        """None once the stream has it. After `bus_unavailable` it may have it or not."""
        fields = {MSG_ID: f"{exchange.tenant}.{exchange.request_id}"}
        if trace:
            fields.update(trace)
        newest = self._newest
        try:
            sequence = await self._bus.publish_durable(subjects.requests(exchange.tenant), payload, fields)
        except StreamFullError:
            return errors.queue_full()
        except MessageTooLargeError:
            return errors.body_too_large(self._max_body_bytes)
        except BusUnavailableError:
            return errors.bus_unavailable()
        # A message id that the stream knows is acknowledged with the sequence of the first message that had it.
        if exchange.named_by_client and sequence <= newest:
            return errors.request_id_in_use(exchange.request_id)
        self._newest = sequence
        return None
