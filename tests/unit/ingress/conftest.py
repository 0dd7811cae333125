"""A door on the bus in memory, with something behind it that answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tests.unit.ingress.asking import Answer, Asking
from tests.unit.ingress.upstream import Upstream, whole
from tokenlane.v1.lane_pb2 import LaneProfile
from tokenlane_chassis.fake_bus import FakeBus
from tokenlane_chassis.service import Context
from tokenlane_chassis.tracing import Tracing
from tokenlane_ingress.__main__ import Door, compose
from tokenlane_ingress.auth import Keyring
from tokenlane_ingress.settings import IngressSettings
from tokenlane_proto.topology import LANE_BUCKET, lane_key

KEY = "sk-acme"
AUTHORIZED = {"authorization": f"Bearer {KEY}"}
MODEL = "org/model-1.5"
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
CHAT_PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class House:
    """A door, the bus it stands on, and what is behind it."""

    bus: FakeBus
    door: Door
    upstream: Upstream
    context: Context[IngressSettings]

    def asking(
        self, body: Mapping[str, Any] | bytes | Sequence[bytes] = CHAT, path: str = CHAT_PATH, **headers: str
    ) -> Asking:
        """A request with a valid key."""
        fields = {**AUTHORIZED, **{name.replace("_", "-"): value for name, value in headers.items()}}
        data = json.dumps(body).encode() if isinstance(body, Mapping) else body
        return Asking(self.door.app, path, data, headers=fields)

    async def ask(
        self, body: Mapping[str, Any] | bytes | Sequence[bytes] = CHAT, path: str = CHAT_PATH, **headers: str
    ) -> Answer:
        return await self.asking(body, path, **headers)()

    def reading(self, path: str, method: str = "GET", **headers: str) -> Asking:
        """A request without a body, with a valid key."""
        fields = {**AUTHORIZED, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return Asking(self.door.app, path, method=method, headers=fields)

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answer:
        return await self.reading(path, method, **headers)()


async def register(bus: FakeBus, lane: str, model: str, max_model_len: int) -> None:
    profile = LaneProfile(lane=lane, model=model, max_model_len=max_model_len)
    await bus.put(LANE_BUCKET, lane_key(lane, model), profile.SerializeToString())


def context_on(bus: FakeBus, settings: IngressSettings) -> Context[IngressSettings]:
    return Context(
        settings, bus, structlog.get_logger(), CollectorRegistry(), Tracing("ingress", None), asyncio.Event()
    )


@pytest.fixture
def settings() -> IngressSettings:
    return IngressSettings(anonymous_tenant="unused", max_body_bytes=4096, request_timeout_s=20, drain_grace_s=5)


@pytest.fixture
def keyring() -> Callable[[], Keyring]:
    return lambda: Keyring({sha256(KEY.encode()).hexdigest(): "acme", sha256(b"sk-other").hexdigest(): "other"})


@pytest.fixture
async def house(settings: IngressSettings, keyring: Callable[[], Keyring]) -> AsyncIterator[House]:
    bus = FakeBus()
    await register(bus, "short", MODEL, 2048)
    await register(bus, "long", MODEL, 8192)
    context = context_on(bus, settings)
    upstream = Upstream(bus, lambda request: whole(b'{"object":"chat.completion"}'))
    await upstream.start()
    door = await compose(context, keyring, "door1")
    context.readiness.ready = True
    yield House(bus, door, upstream, context)
    left = len(door.exchanges)
    await door.close()
    assert left == 0
