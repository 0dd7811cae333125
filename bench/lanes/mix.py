"""The requests: many short ones and some long ones at once, in a random order. Pure."""

import json
import random
from dataclasses import dataclass

# Lengths that give the figures of an earlier measurement of which only the counts are known, in a model of vLLM's
# scheduler: split evenly, short requests' P95 after 400 steps and 780 to the end; by length, 98 and 1,310.
SHORT, LONG = ((16, 32), (24, 72)), ((400, 800), (200, 400))
SHORT_COUNT, LONG_COUNT = 160, 40
# Total tokens up to which a request is short: between the longest short one and the shortest long one.
BOUNDARY_TOKENS = 256
# Ids of ordinary tokens of the tiny model's vocabulary.
_FIRST_ID, _LAST_ID = 100, 2_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; `name` is its id. Lengths in tokens."""

    name: str
    short: bool
    prompt: tuple[int, ...]
    output_tokens: int

    def body(self, model: str) -> bytes:
        """As the OpenAI API has it: the answer has exactly its length."""
        fields = {"model": model, "prompt": self.prompt, "max_tokens": self.output_tokens}
        return json.dumps({**fields, "ignore_eos": True, "temperature": 0}).encode()


def mix(seed: int) -> list[Asked]:
    """Another order, other lengths and other prompts with each seed: no prefix cache knows them."""
    dice = random.Random(seed)
    kinds = [True] * SHORT_COUNT + [False] * LONG_COUNT
    dice.shuffle(kinds)
    return [_asked(f"{seed}-{number}", short, dice) for number, short in enumerate(kinds)]


def _asked(name: str, short: bool, dice: random.Random) -> Asked:
    prompts, outputs = SHORT if short else LONG
    prompt = tuple(dice.randint(_FIRST_ID, _LAST_ID) for _ in range(dice.randint(*prompts)))
    return Asked(name, short, prompt, dice.randint(*outputs))
