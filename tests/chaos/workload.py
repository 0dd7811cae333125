"""The requests of a run, made from a seed. Pure."""

import json
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.support.fleet import MODEL

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
# About 900 tokens: beyond the fleet's short lane.
_LONG_PROMPT = "The harbour lay still under the first light of the morning. " * 60


class Via(StrEnum):
    """Which client asks."""

    HTTP = "http"
    OPENAI = "openai"
    BUS = "bus"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request of a client."""

    number: int
    via: Via
    path: str
    fields: dict[str, Any]
    key: str

    @property
    def body(self) -> bytes:
        """The OpenAI body."""
        return json.dumps(self.fields).encode()

    @property
    def streamed(self) -> bool:
        """Whether the answer comes as events."""
        return bool(self.fields.get("stream"))


@dataclass(frozen=True, slots=True)
class Mix:
    """Relative weights of the clients."""

    http: int = 70
    openai: int = 15
    bus: int = 15


def make_asks(count: int, seed: int, name: str, mix: Mix) -> list[Ask]:
    """`count` requests whose keys begin with `name`. The same arguments make the same requests."""
    source = random.Random(seed)
    clients = source.choices([Via.HTTP, Via.OPENAI, Via.BUS], (mix.http, mix.openai, mix.bus), k=count)
    return [_ask(number, via, name, random.Random(source.random())) for number, via in enumerate(clients)]


def _ask(number: int, via: Via, name: str, source: random.Random) -> Ask:
    chat = source.random() < 0.8
    text = f"{name}, request {number}. " + (_LONG_PROMPT if source.random() < 0.3 else "Tell me of the harbour.")
    fields: dict[str, Any] = {"model": MODEL}
    fields |= {"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}
    fields |= _shape(source, chat)
    return Ask(number, via, CHAT if chat else COMPLETIONS, fields, f"{name}-{number}")


def _shape(source: random.Random, chat: bool) -> dict[str, Any]:
    """How the answer is wanted: whole or streamed, short or long, sometimes what cannot be continued in mid-text."""
    drawn = source.random()
    if drawn < 0.5:
        return {"max_tokens": source.randint(1, 64)}
    streamed: dict[str, Any] = {"stream": True}
    if source.random() < 0.5:
        streamed["stream_options"] = {"include_usage": True}
    if drawn < 0.8:
        return streamed | {"max_tokens": source.randint(16, 48)}
    if drawn < 0.92:
        return streamed | {"max_tokens": source.randint(64, 128), "stop": ["harbour", " gate owl"]}
    if drawn < 0.97:
        return streamed | {"max_tokens": source.randint(200, 350), "ignore_eos": True}
    # Can only be made again and compared. (Of several choices not even that: their order differs from run to run.)
    sure = {"seed": 7} if source.random() < 0.5 else {"temperature": 0}
    return streamed | {"max_tokens": 64, "logprobs": True if chat else 1} | sure
