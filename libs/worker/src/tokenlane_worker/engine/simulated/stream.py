"""An answer as server-sent events, one a token, with the fields of vLLM's chunks.

Everything of an event that does not change from token to token is rendered once; a token only splices its text.
"""

from dataclasses import dataclass

import msgspec

from tokenlane_worker.engine.simulated.ask import Ask
from tokenlane_worker.engine.simulated.logprobs import chat_logprobs, completion_logprobs
from tokenlane_worker.engine.simulated.plan import Plan

FINGERPRINT = "tokenlane-sim"
DONE = b"data: [DONE]\n\n"
_FINGERPRINT_FIELD = b',"system_fingerprint":' + msgspec.json.encode(FINGERPRINT)


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all parts of one answer carry; `created` in whole unix seconds."""

    id: str
    created: int
    model: str


# There is no prefix cache.
NOTHING_CACHED = {"cached_tokens": 0, "created_cache_tokens": 0}


def usage(prompt_tokens: int, completion_tokens: int) -> dict[str, object]:
    total = prompt_tokens + completion_tokens
    return {"prompt_tokens": prompt_tokens, "total_tokens": total, "completion_tokens": completion_tokens}


def finish_reason(ask: Ask, plan: Plan) -> str:
    """OpenAI's rule: a required call ends in "tool_calls", a named one as text does."""
    return "tool_calls" if ask.tool and not ask.named_tool and plan.finish_reason == "stop" else plan.finish_reason


def tool_call(stamp: Stamp, choice: int, name: str, arguments: str) -> dict[str, object]:
    function = {"name": name, "arguments": arguments}
    return {"id": f"chatcmpl-tool-{stamp.id[-16:]}{choice}", "type": "function", "function": function}


def head(ask: Ask, stamp: Stamp) -> bytes:
    """An event's first bytes, up to its choices."""
    kind = "chat.completion.chunk" if ask.chat else "text_completion"
    fields = {"id": stamp.id, "object": kind, "created": stamp.created, "model": stamp.model}
    return b"data: " + msgspec.json.encode(fields)[:-1] + b',"choices":['


def opening(ask: Ask, start: bytes) -> bytes:
    """The events before the first token: in a chat one a choice, with the role."""
    if not ask.chat:
        return b""
    continuous = b',"usage":' + msgspec.json.encode(usage(ask.prompt_tokens[0], 0)) if ask.continuous_usage else b""
    delta = b',"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]'
    return b"".join(b'%s{"index":%d%s%s}\n\n' % (start, choice, delta, continuous) for choice in range(ask.n))


def closing(ask: Ask, start: bytes, completion_tokens: int) -> bytes:
    """The events after the last token."""
    if not ask.include_usage:
        return DONE
    counts = usage(sum(ask.prompt_tokens), completion_tokens) | {"prompt_tokens_details": NOTHING_CACHED}
    totals = msgspec.json.encode(counts)
    return b"%s],%s%s}\n\n%s" % (start, b'"usage":' + totals, _FINGERPRINT_FIELD, DONE)


class ChoiceStream:
    """The events of one choice; `next` is called once a token."""

    __slots__ = (
        "_after",
        "_ask",
        "_before",
        "_choice",
        "_escaped",
        "_last",
        "_next",
        "_plan",
        "_spliced",
        "_stamp",
        "_start",
    )

    def __init__(self, ask: Ask, plan: Plan, choice: int, stamp: Stamp, start: bytes) -> None:
        self._ask = ask
        self._plan = plan
        self._choice = choice
        self._stamp = stamp
        self._start = b'%s{"index":%d,' % (start, choice)
        self._escaped = plan.escaped
        self._last = len(plan.pieces) - 1
        self._next = 0
        varies = ask.logprobs is not None or ask.continuous_usage or ask.tool is not None
        self._spliced = -1 if varies else self._last
        opened, closed = (b'"delta":{"content":"', b'"}') if ask.chat else (b'"text":"', b'"')
        self._before = self._start + opened
        self._after = closed + b',"logprobs":null' + self._reasons(final=False) + b"}\n\n"

    def next(self) -> bytes:
        position = self._next
        self._next = position + 1
        if position < self._spliced:
            return self._before + self._escaped[position] + self._after
        return self._event(position)

    def _event(self, position: int) -> bytes:
        final = position == self._last
        parts = [self._start, self._content(position, final), b',"logprobs":', self._logprobs(position)]
        parts.append(self._reasons(final))
        if self._ask.continuous_usage:
            prompt_tokens = self._ask.prompt_tokens[self._choice // self._ask.n]
            parts += [b',"usage":', msgspec.json.encode(usage(prompt_tokens, position + 1))]
        if final and not self._ask.include_usage:
            parts.append(_FINGERPRINT_FIELD)
        return b"".join((*parts, b"}\n\n"))

    def _content(self, position: int, final: bool) -> bytes:
        if not self._ask.chat:
            return b'"text":"%s"' % self._escaped[position]
        if not self._ask.tool:
            return b'"delta":{"content":"%s"}' % self._escaped[position]
        piece = self._plan.pieces[position]
        if final and not piece:
            return b'"delta":{}'
        call: dict[str, object] = {"index": 0, "function": {"arguments": piece}}
        if not position:
            call |= tool_call(self._stamp, self._choice, self._ask.tool, piece)
        return b'"delta":' + msgspec.json.encode({"tool_calls": [call]})

    def _logprobs(self, position: int) -> bytes:
        alternatives = self._ask.logprobs
        if alternatives is None:
            return b"null"
        pieces = self._plan.pieces[position : position + 1]
        if self._ask.chat:
            return msgspec.json.encode(chat_logprobs(pieces, position, alternatives))
        offset = len("".join(self._plan.pieces[:position]))
        return msgspec.json.encode(completion_logprobs(pieces, position, alternatives, offset))

    def _reasons(self, final: bool) -> bytes:
        """What follows the log probabilities in a choice: vLLM's chat chunks name a stop reason only at the end."""
        reason = msgspec.json.encode(finish_reason(self._ask, self._plan) if final else None)
        stop = b',"stop_reason":' + msgspec.json.encode(self._plan.stop_reason if final else None)
        if self._ask.chat:
            return b',"finish_reason":%s%s,"token_ids":null}]' % (reason, stop if final else b"")
        return b',"finish_reason":%s%s,"prompt_token_ids":null,"token_ids":null}]' % (reason, stop)
