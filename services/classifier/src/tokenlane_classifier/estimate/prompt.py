"""Prompt tokens from a body's bytes, learned by model and kind of text from what engines counted."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.estimate import media
from tokenlane_classifier.estimate.categories import Category, categorize
from tokenlane_classifier.estimate.classes import NAMES, count
from tokenlane_classifier.estimate.features import vector
from tokenlane_classifier.estimate.prompt_model import FIRST_SPREAD, ModelPrompts
from tokenlane_classifier.estimate.prompt_snapshot import decode, encode, shard_of

# No text takes more bytes a token, six-byte escapes of long words included.
_MOST_BYTES_PER_TOKEN = 64
_UINT32_MAX = 2**32 - 1
# So many mean errors an estimate is hardly ever too high.
_MOST_ERRORS = 4.0
_CATEGORIES = frozenset(map(str, Category))


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """`gamma`: mean errors that the cautious estimate lies above the expected one. `half_life`: observations of a kind
    of text after which one counts half. `most_models`: models that are kept, the last observed; each takes at most
    50 KB."""

    gamma: float = 0.5
    half_life: float = 350.0
    most_models: int = 64


class PromptEstimate(NamedTuple):
    """`tokens`: cautious, so that doubt goes to the longer lane; `expected`: without a bias; `least`: hardly any prompt
    has fewer. `classes`: characters of the text in the body by class, which `PromptEstimates.observe` learns from."""

    tokens: int
    category: str
    classes: tuple[int, ...]
    expected: int
    least: int


class RatioView(NamedTuple):
    """Mean bytes a token and mean deviation from it, mean relative error of an estimate, and how many observations."""

    mean: float
    deviation: float
    error: float
    observations: int


_UNSEEN = RatioView(0.0, 0.0, FIRST_SPREAD, 0)


class PromptEstimates:
    """Estimates of all models. Memory is bounded by the settings; no clock, no I/O. Replicas that observe the same in
    the same order estimate the same."""

    shards = 8

    def __init__(self, settings: PromptSettings) -> None:
        self._settings = settings
        self._forgetting = 0.5 ** (1.0 / settings.half_life)
        self._models: dict[str, ModelPrompts] = {}
        self._unknown = ModelPrompts()

    def estimate(self, facts: Facts, body: bytes, size: int) -> PromptEstimate:
        """The prompt of a body of `size` bytes, of which `body` is the whole or the beginning."""
        text, text_size = body, size
        if facts.media_parts:
            text = media.without(body)
            text_size = len(text) if len(body) == size else max(0, size - facts.media_bytes)
        counts = count(text, text_size)
        category = categorize(counts, facts.messages, facts.media_parts)
        model = self._models.get(facts.model, self._unknown)
        expected = _bounded(model.expected(category, vector(facts, counts)), facts, text_size)
        kind = model.kinds.get(category)
        spread = FIRST_SPREAD if kind is None else kind.spread
        cautious = min(math.ceil(expected * (1.0 + self._settings.gamma * spread)), _UINT32_MAX)
        least = max(0, min(math.floor(expected * (1.0 - _MOST_ERRORS * spread)), _UINT32_MAX))
        return PromptEstimate(cautious, str(category), counts, min(round(expected), _UINT32_MAX), least)

    def observe(self, facts: Facts, category: str, classes: Sequence[int], body_bytes: int, prompt_tokens: int) -> None:
        """An engine counted `prompt_tokens` for a body that was estimated with this category and these classes. What
        another version estimated, or nobody, teaches nothing."""
        if category not in _CATEGORIES or len(classes) != len(NAMES) or prompt_tokens <= 0 or body_bytes <= 0:
            return
        model = self._model(facts.model)
        x = vector(facts, classes)
        estimated = _bounded(model.expected(category, x), facts, body_bytes)
        model.observe(category, x, estimated, prompt_tokens, body_bytes, self._forgetting)

    def ratio(self, model: str, category: str) -> RatioView:
        """What was learned of a kind of text, for people."""
        known = self._models.get(model)
        kind = known.kinds.get(category) if known else None
        return RatioView(kind.ratio, kind.ratio_spread, kind.spread, kind.observations) if kind else _UNSEEN

    def dump(self, shard: int) -> bytes:
        """What `absorb` of another replica takes, for the models of one shard, 0 to `shards` - 1."""
        chosen = {name: model.kinds for name, model in self._models.items() if shard_of(name, self.shards) == shard}
        return encode(chosen)

    def absorb(self, shard: int, data: bytes) -> None:
        """Take over each kind of text of which `data` knows more. Doing it again changes nothing. Raises ValueError
        where `data` is not what `dump` wrote; then nothing is taken."""
        for name, kinds in decode(data, _CATEGORIES).items():
            if shard_of(name, self.shards) != shard:
                raise ValueError(f"model {name!r} does not belong to shard {shard}")
            for category, kind in kinds.items():
                known = self._models.get(name)
                mine = known.kinds.get(category) if known else None
                if mine is None or mine.observations < kind.observations:
                    self._model(name).adopt(category, kind)

    def _model(self, name: str) -> ModelPrompts:
        """The model, now the last observed. The one observed the longest ago makes room."""
        model = self._models.pop(name, None)
        if model is None:
            model = ModelPrompts()
            if len(self._models) >= self._settings.most_models:
                del self._models[next(iter(self._models))]
        self._models[name] = model
        return model


def _bounded(tokens: float, facts: Facts, text_bytes: int) -> float:
    """`tokens` within what is possible: a byte is at most a token, media and template aside."""
    least = 1.0 + text_bytes / _MOST_BYTES_PER_TOKEN
    if tokens < least:
        return least
    most = 64.0 + text_bytes + 16.0 * facts.messages + 65_536.0 * facts.media_parts
    return tokens if tokens < most else most
