"""The whole answer, decided before the first step: its pieces of text, one a token, and why it ends.

The natural length is geometric with a mean of about 128 tokens, drawn from a hash of what is asked; its last token is
the end of text, which has no words. `max_tokens` or the context cuts it ("length"), a stop string cuts it ("stop"),
and `ignore_eos` or `min_tokens` lengthen it. Of an answer that was begun before, what is left is planned.
"""

import math
from dataclasses import dataclass
from itertools import accumulate

from tokenlane_worker.engine.simulated.ask import Ask
from tokenlane_worker.engine.simulated.content import seed_of
from tokenlane_worker.engine.simulated.refusals import context_overflow, prompt_too_long
from tokenlane_worker.engine.simulated.tokens import BYTES_PER_TOKEN
from tokenlane_worker.engine.simulated.words import escape, words, words_json

MEAN_OUTPUT_TOKENS = 128
_SHORTEST = 2
_TO_RING = 0x9E3779B1


@dataclass(frozen=True, slots=True)
class Plan:
    """One choice. `pieces` and `escaped` (the insides of JSON strings) are parallel, one a token."""

    pieces: list[str]
    escaped: list[bytes]
    finish_reason: str
    stop_reason: str | None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def output_limit(ask: Ask, prompt_tokens: int, max_model_len: int) -> int:
    """The most tokens one answer may have. As in vLLM, what `max_tokens` asks beyond the context's end is cut off; a
    prompt, or a `max_tokens`, beyond the whole context raises RefusedError (400)."""
    room = max_model_len - prompt_tokens
    if room < 1:
        raise prompt_too_long(prompt_tokens, max_model_len)
    if ask.max_tokens is None:
        return room
    if ask.max_tokens > max_model_len:
        raise context_overflow(prompt_tokens, ask.max_tokens, max_model_len)
    return min(ask.max_tokens, room)


def plan_choice(ask: Ask, choice: int, limit: int) -> Plan:
    """The answer number `choice` to `ask`, of at most `limit` tokens."""
    seed = seed_of(ask.digest) + choice * _TO_RING
    limit += ask.begun_tokens
    if ask.fixed is None:
        natural = natural_length(seed)
        length, ends = _length(ask, natural, limit)
        plan = _words(seed, length, ends)
    else:
        pieces = _pieces(ask.fixed, whole=ask.tool is not None)
        length, ends = _length(ask, len(pieces) + 1, limit)
        plan = _fixed(pieces, length, ends)
    if ask.stop:
        plan = _cut_at_stop(plan, ask)
    return _rest(plan, ask) if ask.begun else plan


def natural_length(seed: int) -> int:
    """Tokens of an answer that nothing cuts, its end-of-text token included."""
    mixed = (seed * 0x9E3779B97F4A7C15 ^ seed >> 61) & (1 << 64) - 1
    uniform = (mixed >> 11) / (1 << 53)
    return _SHORTEST + int(math.log1p(-uniform) / math.log1p(-1 / (MEAN_OUTPUT_TOKENS - _SHORTEST + 1)))


def _length(ask: Ask, natural: int, limit: int) -> tuple[int, bool]:
    """How many tokens come out, and whether the last is the end of text."""
    if ask.ignore_eos:
        return limit, False
    wanted = max(natural, _least(ask))
    return min(wanted, limit), wanted <= limit


def _least(ask: Ask) -> int:
    return ask.min_tokens + ask.begun_tokens if ask.min_tokens else 0


def _words(seed: int, length: int, ends: bool) -> Plan:
    if not ends:
        return Plan(words(seed, length), words_json(seed, length), "length", None)
    return Plan([*words(seed, length - 1), ""], [*words_json(seed, length - 1), b""], "stop", None)


def _fixed(pieces: list[str], length: int, ends: bool) -> Plan:
    text = pieces[: length - 1] if ends else pieces[:length]
    padded = text + [" "] * (length - ends - len(text)) + [""] * ends
    return Plan(padded, [escape(piece) for piece in padded], "stop" if ends else "length", None)


def _pieces(text: str, whole: bool) -> list[str]:
    if whole:
        return [text]
    return [text[at : at + BYTES_PER_TOKEN] for at in range(0, len(text), BYTES_PER_TOKEN)]


def _cut_at_stop(plan: Plan, ask: Ask) -> Plan:
    """End at the stop string that completes first, but not in the first `min_tokens` tokens nor in what was begun.

    The tokens up to the one that completes it count as generated; the text from the stop string on is not shown.
    """
    ends = list(accumulate(len(piece) for piece in plan.pieces))
    unstoppable = [0, *ends][min(max(_least(ask), ask.begun_tokens), len(ends))]
    found = [
        (at + len(stop), at, stop)
        for stop in ask.stop
        if (at := plan.text.find(stop, max(0, unstoppable - len(stop) + 1))) >= 0
    ]
    if not found:
        return plan
    end, start, stop = min(found, key=lambda match: match[0])
    last = next(index for index, reached in enumerate(ends) if reached >= end)
    shown = end if ask.include_stop else start
    pieces = [
        piece[: max(0, shown - (reached - len(piece)))]
        for piece, reached in zip(plan.pieces[: last + 1], ends, strict=False)
    ]
    return Plan(pieces, [escape(piece) for piece in pieces], "stop", stop)


def _rest(plan: Plan, ask: Ask) -> Plan:
    """What is left to say after `ask.begun`: at least the token with which the answer ends. The end of a piece that
    was begun comes with the next."""
    if not plan.text.startswith(ask.begun):
        return plan
    end = "".join(plan.pieces[: ask.begun_tokens])[len(ask.begun) :]
    pieces = plan.pieces[ask.begun_tokens :] or [""]
    pieces[0] = end + pieces[0]
    return Plan(
        pieces, [escape(pieces[0]), *plan.escaped[ask.begun_tokens + 1 :]], plan.finish_reason, plan.stop_reason
    )
