"""The requests of the demonstration: short questions, and documents long enough for the other lane. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

# English prose: what a token is worth before anything is known about the model. Unit: bytes.
_BYTES_PER_TOKEN = 4.3
# Estimates are off by so much; documents stay this far from the boundary and from the end of the context.
_MARGIN = 0.2
_SHORT_OUTPUT = (24, 32, 48)
_LONG_OUTPUT = (48, 64, 96)
# Longer documents show nothing more and take longer.
_LONGEST_DOCUMENT = 6_000

_QUESTIONS = (
    "What is the capital of France?",
    "Name three primary colours.",
    "How many days are there in a leap year?",
    "Which planet is closest to the sun?",
    "What do bees make?",
    "Translate 'good morning' into Spanish.",
    "What is the opposite of 'quick'?",
    "Give me a word that rhymes with 'light'.",
    "Who wrote Romeo and Juliet?",
    "What is water made of?",
    "Say hello to a new colleague in one sentence.",
    "What is two plus three?",
)
_TASKS = (
    "Summarise the text above in two sentences.",
    "Who is Ilse Brandt in the text above?",
    "What are the gates in the text above for?",
    "List the rules that the text above mentions.",
    "How does the clerk estimate a ship's stay?",
    "Give the text above a title and a subtitle.",
    "What lesson does the text above teach?",
    "What does the office on the hill do in the text above?",
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One question. `max_tokens` bounds the answer."""

    prompt: str
    max_tokens: int


def mixed(boundary: int | None, max_model_len: int, seed: int = 0) -> list[Ask]:
    """Twenty requests in random order; twelve fit below `boundary` (tokens), eight are above it as far as the model's
    context allows."""
    dice = random.Random(seed)
    short = [Ask(question, _SHORT_OUTPUT[i % 3]) for i, question in enumerate(_QUESTIONS)]
    paragraphs = files("tokenlane_cli.demo").joinpath("harbour.txt").read_text().strip().split("\n\n")
    sizes = document_sizes(boundary or 512, max_model_len, len(_TASKS))
    long = [
        Ask(f"{document(paragraphs, i, size)}\n\n{task}", _LONG_OUTPUT[i % 3])
        for i, (task, size) in enumerate(zip(_TASKS, sizes, strict=True))
    ]
    asks = short + long
    dice.shuffle(asks)
    return asks


def document_sizes(boundary: int, max_model_len: int, count: int) -> list[int]:
    """Evenly spread document lengths in tokens, from safely above the boundary to safely inside the context."""
    room = max_model_len - max(_LONG_OUTPUT) - 64 if max_model_len else 4 * boundary
    longest = min(int(room * (1 - _MARGIN)), max(_LONGEST_DOCUMENT, 2 * boundary))
    shortest = min(int(boundary * (1 + _MARGIN)), longest)
    return [shortest + (longest - shortest) * i // max(1, count - 1) for i in range(count)]


def document(paragraphs: Sequence[str], first: int, tokens: int) -> str:
    """About `tokens` tokens of text that begins with paragraph `first` and goes round as often as needed."""
    size = int(tokens * _BYTES_PER_TOKEN)
    turned = [*paragraphs[first % len(paragraphs) :], *paragraphs[: first % len(paragraphs)]]
    once = "\n\n".join(turned)
    text = "\n\n".join([once] * (1 + size // len(once)))[:size]
    return text.rsplit(" ", 1)[0]
