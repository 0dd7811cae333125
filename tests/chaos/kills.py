"""Who is killed, and when."""

import asyncio
import itertools
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.broker import stream_leader
from tests.support.fleet import Fleet
from tests.support.member import Member
from tokenlane_proto.topology import REQUESTS

_AWAKE_AGAIN_S = 60


@dataclass(frozen=True, slots=True)
class Kill:
    """A process was ended or paused. `at_s` since the start of the kills; `how`: "SIGKILL" or "SIGSTOP 8 s"."""

    at_s: float
    name: str
    role: str
    how: str = "SIGKILL"


class Killer:
    """Kills processes of a fleet until it is stopped, one every `every_s` seconds on average, each in its turn in a
    random order. `roles`: only these. `most`: no more than so many."""

    def __init__(
        self, fleet: Fleet, every_s: float, seed: int, roles: tuple[str, ...] = (), most: int | None = None
    ) -> None:
        self._roles = roles
        self._most = most
        self._fleet = fleet
        self._every_s = every_s
        self._random = random.Random(seed)
        self._began = time.monotonic()
        self.kills: list[Kill] = []

    async def run(self) -> None:
        """Until cancelled."""
        for member in itertools.islice(self._order(), self._most):
            await asyncio.sleep(self._every_s * (0.5 + self._random.random()))
            self._kill(member)

    def by_role(self) -> dict[str, int]:
        """Number of kills and pauses."""
        return dict(sorted(Counter(kill.role for kill in self.kills).items()))

    def _order(self) -> Iterator[Member]:
        members = [each for each in self._fleet.members.values() if not self._roles or each.spec.role in self._roles]
        while True:
            self._random.shuffle(members)
            yield from members

    def _kill(self, member: Member) -> None:
        if member.send(signal.SIGKILL):
            self._note(member)

    def _note(self, member: Member, how: str = "SIGKILL") -> None:
        self.kills.append(Kill(time.monotonic() - self._began, member.spec.name, member.spec.role, how))


class ClusterKiller(Killer):
    """Kills the cluster's leader and pauses another node, in turn, with services killed in between. Two nodes are never
    away at once: the rest of a cluster of three could not go on, and is not meant to."""

    _PAUSE_S = 8.0

    async def run(self) -> None:
        services = (member for member in self._order() if member.spec.role != "nats")
        while True:
            for act in (self._kill_leader, self._pause_node):
                for _ in range(2):
                    await asyncio.sleep(self._every_s)
                    self._kill(next(services))
                await self._settled()
                await act()

    async def _kill_leader(self) -> None:
        monitors = [broker.monitor for broker in self._fleet.brokers]
        leader = await asyncio.to_thread(stream_leader, monitors, REQUESTS)
        if leader is not None:
            self._kill(self._fleet.members[leader])

    async def _pause_node(self) -> None:
        node = self._random.choice(self._fleet.with_role("nats"))
        if node.send(signal.SIGSTOP):
            self._note(node, f"SIGSTOP {self._PAUSE_S:g} s")
            try:
                await asyncio.sleep(self._PAUSE_S)
            finally:
                node.send(signal.SIGCONT)

    async def _settled(self) -> None:
        for node in self._fleet.with_role("nats"):
            await node.ready(_AWAKE_AGAIN_S)
