"""Requests as the door publishes them, of many tenants and routes."""

import json
import random

from tokenlane.v1.request_pb2 import Request
from tokenlane_proto.openai_body import read_facts

MODEL = "m/bench"
_TENANTS = 8
_SYSTEMS = 12
_TEXT = """
the request goes to a lane where a worker takes it when its engine has room for what it may grow to and answers
Der Auftrag wartet auf der Spur bis eine Maschine frei ist und das Ergebnis kommt als Strom von Ereignissen zurück
for index in range(10): total += values[index] * weights[index] return max(total, 0.0) 2026 3.14 10_000 {} []
"""
_WORDS = _TEXT.split()


def body(size: int, dice: random.Random) -> bytes:
    """A chat of about `size` bytes, with a system prompt that other requests have, too."""
    system = f"You are assistant {dice.randrange(_SYSTEMS)}. " + "Be brief and exact. " * 4
    words: list[str] = []
    room = size - len(system) - 160
    while room > 0:
        word = dice.choice(_WORDS)
        words.append(word)
        room -= len(word) + 1
    messages = [{"role": "system", "content": system}, {"role": "user", "content": " ".join(words)}]
    return json.dumps({"model": MODEL, "messages": messages, "stream": True}, ensure_ascii=False).encode()


def envelope(number: int, size: int, dice: random.Random) -> tuple[str, bytes]:
    """Tenant and encoded request."""
    own = body(size, dice)
    endpoint, facts = read_facts(own)
    request = Request(
        request_id=f"r{number}",
        endpoint=endpoint,
        reply_inbox="bench.1",
        accepted_unix_ms=1_700_000_000_000 + number,
        facts=facts,
        body=own,
    )
    return f"t{dice.randrange(_TENANTS)}", request.SerializeToString()
