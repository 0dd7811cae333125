"""How long a pulled message is ours: until the broker has confirmed no sign of life for the consumer's wait."""

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

from nats.aio.client import Client
from nats.aio.msg import Msg

_US = 1_000_000
_EMPTY: Mapping[str, str] = {}


@dataclass(slots=True)
class Lease:
    """Times in seconds on one monotonic clock. A lease that ran out once stays lost: another may have the message."""

    wait_s: float
    confirmed_at: float
    _lost: bool = False

    def lost(self, now: float) -> bool:
        """Whether the wait passed since the last confirmed sign of life."""
        self._lost = self._lost or now - self.confirmed_at > self.wait_s
        return self._lost

    def confirm(self, sent_at: float, now: float) -> None:
        """The broker answered at `now` to the sign of life of `sent_at`: its wait began no earlier than then."""
        if not self.lost(now):
            self.confirmed_at = max(self.confirmed_at, sent_at)


class Leased(Protocol):
    """What has a lease."""

    lease: Lease


class SignsOfLife:
    """Brings the broker's answers to signs of life to the leases they are for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._inbox = client.new_inbox()
        self._numbers = itertools.count(1)
        # What is settled and forgotten elsewhere is forgotten here.
        self._leased: WeakValueDictionary[int, Leased] = WeakValueDictionary()

    async def start(self) -> None:
        """Listen for the answers."""
        await self._client.subscribe(
            f"{self._inbox}.*.*", cb=self._answered, pending_msgs_limit=0, pending_bytes_limit=0
        )

    def register(self, leased: Leased) -> int:
        """A number to ask `reply` with."""
        number = next(self._numbers)
        self._leased[number] = leased
        return number

    def reply(self, number: int) -> str:
        """Where the broker answers to a sign of life that is sent now."""
        return f"{self._inbox}.{number}.{int(time.monotonic() * _US)}"

    async def _answered(self, message: Msg) -> None:
        if (message.headers or _EMPTY).get("Status"):
            # Nobody was there to take it.
            return
        number, sent_us = message.subject.rsplit(".", 2)[1:]
        leased = self._leased.get(int(number))
        if leased is not None:
            leased.lease.confirm(int(sent_us) / _US, time.monotonic())
