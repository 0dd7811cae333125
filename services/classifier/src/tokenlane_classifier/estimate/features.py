"""What a prompt's tokens are a weighted sum of, and the weights before anything was observed. Pure."""

from collections.abc import Mapping, Sequence

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.estimate.categories import Category
from tokenlane_classifier.estimate.classes import NAMES

# Units, so that weights are of one size: the regression trusts the prior of each as much. Those of the template are
# large: what is wrong with the first short prompts is its fault, not that of the letters.
_FIXED_UNIT = 100.0
_MESSAGE_UNIT = 40.0
_TOOLS_UNIT = 50.0
_MEDIA_UNIT = 1_000.0
_SHAPE = ("fixed", "messages", "tools", "tools_bytes", "media_parts")
SIZE = len(_SHAPE) + len(NAMES)

# What a template says before the tools, and what an image or a piece of audio takes, where nothing was learned yet.
# Unit: tokens.
_DEFAULT_TOOLS_TOKENS = 100.0
_DEFAULT_MEDIA_TOKENS = 600.0
# Tokens by character, fitted to the tokenizers that `bench.estimators.prompt` lists; the framing of the JSON, which is
# in the counts, comes off again with the fixed part and each message.
_FITTED: Mapping[str, float] = {
    "lower": 0.21,
    "space": 0.02,
    "upper": 0.91,
    "digit": 1.12,
    "mark": 0.42,
    "quote": 0.44,
    "escape": 0.21,
    "code": 0.65,
    "han": 0.71,
    "hangul": 0.78,
    "kana": 0.64,
    "cyrillic": 0.38,
    "arabic": 0.44,
    "indic": 0.64,
    "accented": 1.76,
    "symbol": 1.04,
    "indent": 0.2,
    "run": -4.0,
}
_FIXED, _PER_MESSAGE = -11.3, -4.7

PRIOR: tuple[float, ...] = (
    _FIXED / _FIXED_UNIT,
    _PER_MESSAGE / _MESSAGE_UNIT,
    _DEFAULT_TOOLS_TOKENS / _TOOLS_UNIT,
    0.0,
    _DEFAULT_MEDIA_TOKENS / _MEDIA_UNIT,
    *(_FITTED[name] for name in NAMES),
)
# A list of token ids has one between two commas.
_IDS_PRIOR = tuple(1.0 if place == len(_SHAPE) + NAMES.index("mark") else 0.0 for place in range(SIZE))


def prior_of(category: str) -> tuple[float, ...] | None:
    """Weights that a category begins with whatever the model's other categories learned."""
    return _IDS_PRIOR if category == Category.TOKEN_IDS else None


def vector(facts: Facts, counts: Sequence[int]) -> tuple[float, ...]:
    """The features of a body with these counts (`classes.count`). Length: SIZE."""
    tools_bytes = facts.tools_bytes
    return (
        _FIXED_UNIT,
        facts.messages * _MESSAGE_UNIT,
        _TOOLS_UNIT if tools_bytes else 0.0,
        tools_bytes,
        facts.media_parts * _MEDIA_UNIT,
        *counts,
    )
