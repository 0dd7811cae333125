"""What every candidate answers, so that only the server differs."""

import json

_FILLER = "x" * 860

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _FILLER}, "finish_reason": "stop"}],
    }
).encode()
EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
)
EVENTS = (EVENT,) * 31 + (b"data: [DONE]\n\n",)

JSON_PATH = "/json"
STREAM_PATH = "/stream"
JSON_HEADERS = {"content-type": "application/json", "content-length": str(len(ANSWER))}
STREAM_HEADERS = {"content-type": "text/event-stream", "cache-control": "no-cache"}
REQUEST_BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 950}]}).encode()
