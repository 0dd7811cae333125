"""How many tokens a text counts for here, having no tokenizer: a quarter of its UTF-8 bytes, rounded up.

A chat message costs 4 tokens more (role and separators), a chat 3 more (the cue to answer).
"""

from collections.abc import Sequence

from tokenlane_worker.engine.simulated.body import ChatBody, Message
from tokenlane_worker.engine.simulated.refusals import bad_value

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
TOKENS_PER_CHAT = 3


def count_text(text: str) -> int:
    return count_bytes(len(text) if text.isascii() else len(text.encode()))


def count_bytes(size: int) -> int:
    return -(-size // BYTES_PER_TOKEN)


def count_chat(body: ChatBody, messages: Sequence[Message]) -> int:
    """Tokens of a chat of `messages` with the tools of `body`. Raises RefusedError (400) on what is not text."""
    tokens = sum(_count_message(message) for message in messages)
    return tokens + TOKENS_PER_CHAT + count_bytes(len(bytes(body.tools)))


def count_prompts(prompt: str | list[str | int | list[int]]) -> tuple[int, ...]:
    """Tokens of each prompt of a completion: one text, one list of token ids, or a list of either.

    Raises RefusedError (400).
    """
    if isinstance(prompt, str):
        counts: Sequence[int] = (count_text(prompt),)
    elif prompt and all(isinstance(item, int) for item in prompt):
        counts = (len(prompt),)
    elif all(isinstance(item, str) for item in prompt) or all(isinstance(item, list) for item in prompt):
        counts = [
            count_text(item) if isinstance(item, str) else len(item) for item in prompt if not isinstance(item, int)
        ]
    else:
        raise bad_value("`prompt` must be a text, a list of token ids, or a list of either.", "prompt")
    if not counts or not all(counts):
        raise bad_value("Either prompt or prompt_embeds must be provided and non-empty.", "prompt")
    return tuple(counts)


def _count_message(message: Message) -> int:
    tokens = TOKENS_PER_MESSAGE + count_bytes(len(bytes(message.tool_calls)))
    if isinstance(message.content, str):
        return tokens + count_text(message.content)
    for part in message.content or ():
        if part.text is None:
            raise bad_value(f"content of type `{part.type}` is not supported: this is a text model.", "messages")
        tokens += count_text(part.text)
    return tokens
