"""The events of a streamed answer, as an OpenAI server writes them."""

import json
from typing import Any

DONE = b"data: [DONE]\n\n"


def event(**fields: Any) -> bytes:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 5, "model": "m"}
    return b"data: " + json.dumps({**head, **fields}, separators=(",", ":")).encode() + b"\n\n"


def delta(content: str | None = None, reason: str | None = None, index: int = 0, **more: Any) -> bytes:
    said = more if content is None else {"content": content, **more}
    return event(choices=[{"index": index, "delta": said, "logprobs": None, "finish_reason": reason}])


def text(said: str, reason: str | None = None) -> bytes:
    return event(choices=[{"index": 0, "text": said, "logprobs": None, "finish_reason": reason}])


ROLE = delta("", role="assistant")
USAGE = event(choices=[], usage={"prompt_tokens": 3, "total_tokens": 5, "completion_tokens": 2})
