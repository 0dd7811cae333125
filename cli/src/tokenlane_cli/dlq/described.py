"""Dead letters as JSON. Pure."""

import json
from typing import Any

from tokenlane.v1.recovery_pb2 import AttemptEnd, DeadLetter
from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_cli.dlq.letters import Key

_PATHS = {
    Endpoint.ENDPOINT_CHAT_COMPLETIONS: "/v1/chat/completions",
    Endpoint.ENDPOINT_COMPLETIONS: "/v1/completions",
}


def summary(key: Key, letter: DeadLetter) -> dict[str, Any]:
    """What the list shows."""
    given = letter.request.classification
    return {
        "tenant": key.tenant,
        "request_id": key.request_id,
        "model": letter.request.facts.model,
        "lane": given.lane,
        "attempts": letter.attempts,
        "died_unix_ms": letter.died_unix_ms,
        "reason": letter.reason,
    }


def details(key: Key, letter: DeadLetter) -> dict[str, Any]:
    """All of it. Times in milliseconds since the Unix epoch, 0: none."""
    request, given = letter.request, letter.request.classification
    return {
        **summary(key, letter),
        "endpoint": endpoint(letter),
        "stream": request.facts.stream,
        "prompt_tokens": given.prompt_tokens,
        "output_tokens": given.output_tokens,
        "accepted_unix_ms": request.accepted_unix_ms,
        "deadline_unix_ms": request.deadline_unix_ms,
        "idempotency_key": request.idempotency_key,
        "reply_inbox": request.reply_inbox,
        "body_object": request.body_ref.object,
        "body_bytes": body_bytes(letter),
        "history": [_attempt(end) for end in letter.history],
        "body": _body(request.body),
    }


def endpoint(letter: DeadLetter) -> str:
    """Path of the OpenAI API, empty if it is not known."""
    return _PATHS.get(letter.request.endpoint, "")


def body_bytes(letter: DeadLetter) -> int:
    """Length of the OpenAI body."""
    return letter.request.body_ref.size or len(letter.request.body)


def _attempt(end: AttemptEnd) -> dict[str, Any]:
    return {
        "attempt": end.attempt,
        "worker": end.worker,
        "reason": end.reason,
        "handed_over": end.handed_over,
        "ended_unix_ms": end.ended_unix_ms,
    }


def _body(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body.decode(errors="replace")
