"""What is asked, apart from how the answer is wanted: its hash, its length, and the beginning of the answer it holds.

An answer's words depend on the hash alone, so that a request that goes on from a beginning of its answer gets the rest.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tokenlane_worker.engine.simulated.body import ChatBody, CommonBody, CompletionBody, Message
from tokenlane_worker.engine.simulated.refusals import bad_value
from tokenlane_worker.engine.simulated.tokens import count_chat, count_prompts, count_text
from tokenlane_worker.engine.simulated.words import FIRST, count_words, starts


@dataclass(frozen=True, slots=True)
class Content:
    """As the fields of `Ask`."""

    digest: bytes
    prompt_tokens: tuple[int, ...]
    begun: str = ""
    begun_tokens: int = 0


def chat_content(body: ChatBody, answers_in_words: bool) -> Content:
    """Raises RefusedError (400)."""
    last = body.messages[-1] if body.continue_final_message and body.messages else None
    if body.continue_final_message and body.add_generation_prompt is not False:
        raise bad_value("Cannot set both `continue_final_message` and `add_generation_prompt` to True.")
    if last is None or not isinstance(last.content, str) or not answers_in_words:
        return Content(_hash(body, _said(body.messages)), (count_chat(body, body.messages),))
    messages = body.messages[:-1]
    digest = _hash(body, _said(messages))
    before, begun = _cut(last.content)
    if not starts(seed_of(digest), begun):
        return Content(digest, (count_chat(body, body.messages),))
    if before:
        messages = [*messages, Message(last.role, before)]
    return _begun(digest, count_chat(body, messages), begun)


def completion_content(body: CompletionBody, answers_in_words: bool) -> Content:
    """Raises RefusedError (400)."""
    prompts = body.prompt
    if isinstance(prompts, str) and answers_in_words:
        before, begun = _cut(prompts)
        digest = _hash(body, [before])
        if before and starts(seed_of(digest), begun):
            return _begun(digest, count_text(before), begun)
    said = prompts if isinstance(prompts, str) else repr(prompts)
    return Content(_hash(body, [said]), count_prompts(prompts))


def seed_of(digest: bytes) -> int:
    """Where the answer to what has this digest begins."""
    return int.from_bytes(digest, "big")


def _begun(digest: bytes, prompt_tokens: int, begun: str) -> Content:
    tokens = count_words(begun)
    return Content(digest, (prompt_tokens + tokens,), begun, tokens)


def _cut(text: str) -> tuple[str, str]:
    """What stands before the last thing like the beginning of an answer, and the rest from there."""
    at = text.rfind(FIRST)
    return (text, "") if at < 0 else (text[:at], text[at:])


def _said(messages: Iterable[Message]) -> Iterator[str]:
    for message in messages:
        yield message.role
        if isinstance(message.content, str):
            yield message.content
        else:
            yield from (part.text or part.type for part in message.content or ())
        yield bytes(message.tool_calls).decode()


def _hash(body: CommonBody, parts: Iterable[str]) -> bytes:
    whole = hashlib.blake2b(digest_size=16)
    for part in (body.model or "", str(body.seed), *parts):
        encoded = part.encode()
        whole.update(b"%d:" % len(encoded))
        whole.update(encoded)
    return whole.digest()
