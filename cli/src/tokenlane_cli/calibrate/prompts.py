"""Prompts of a wanted number of tokens, no two of which begin alike: a prefix cache must not know them."""

import random
from dataclasses import dataclass

_WORDS = """
harbour channel water morning letter bread island winter summer paper window garden river stone table number people
evening market street reason answer question office engine corner bottle yellow silver simple narrow broad quick slow
early late carry turn count write read open close begin wait bring leave under over after before
""".split()  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Counted:
    """How the engine counts: tokens a word, from a prompt of known size."""

    tokens_per_word: float


def counted(words: int, prompt_tokens: int) -> Counted:
    return Counted(max(prompt_tokens, 1) / words)


class Prompts:
    """`dice` must not repeat from one calibration to the next."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice

    def of_words(self, count: int) -> str:
        return " ".join(self._dice.choices(_WORDS, k=count))

    def of_tokens(self, tokens: int, counts: Counted) -> str:
        """About so many; the engine says how many they were."""
        return self.of_words(max(1, round(tokens / counts.tokens_per_word)))
