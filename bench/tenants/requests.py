"""What the tenants ask for: made before the clock runs, so that sending takes next to nothing."""

import json
import random
import time
from dataclasses import dataclass
from zlib import crc32

from tests.support.fleet import MODEL
from tokenlane.v1.request_pb2 import Facts, Request
from tokenlane_proto import openai_body

_WORDS = ("the", "river", "runs", "past", "an", "old", "library", "and", "a", "market", "near", "mountains")
_NUMBER = "00000000"
_KINDS = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """Words of a prompt and tokens of an output, both evenly from the least to the most."""

    words: tuple[int, int]
    output: tuple[int, int]
    streamed: bool = True


class Bodies:
    """Encoded requests of one kind. A tenant's bodies are all different, and a number of it always has the same."""

    def __init__(self, kind: Kind, seed: int = 1) -> None:
        chance = random.Random(seed)
        self._made = [_made(kind, chance) for _ in range(_KINDS)]

    def envelope(self, tenant: str, number: int, request_id: str, inbox: str) -> bytes:
        """A tenant's request with that number."""
        endpoint, facts, body = self._made[(crc32(tenant.encode()) + number) % _KINDS]
        return Request(
            request_id=request_id,
            endpoint=endpoint,  # type: ignore[arg-type]
            facts=facts,
            body=body.replace(_NUMBER.encode(), b"%08d" % number, 1),
            reply_inbox=inbox,
            accepted_unix_ms=time.time_ns() // 1_000_000,
        ).SerializeToString()


def _made(kind: Kind, chance: random.Random) -> tuple[int, Facts, bytes]:
    text = " ".join([_NUMBER, *chance.choices(_WORDS, k=chance.randint(*kind.words))])
    fields = {"messages": [{"role": "user", "content": text}], "max_tokens": chance.randint(*kind.output)}
    body = json.dumps({"model": MODEL, "stream": kind.streamed, "ignore_eos": True, **fields}).encode()
    endpoint, facts = openai_body.read_facts(body)
    return endpoint, facts, body
