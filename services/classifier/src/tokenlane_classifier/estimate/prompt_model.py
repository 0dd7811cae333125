"""What is learned of one model's tokenizer and chat template: a regression for each kind of text, and its errors. Pure.

The kinds begin where the model as a whole stands, and the model where the tokenizers do that the prior was fitted to.
"""

from collections.abc import Sequence
from operator import mul

from tokenlane_classifier.estimate.features import PRIOR, SIZE, prior_of
from tokenlane_classifier.estimate.regression import Moments, total

# Trust in what a kind begins with, and in what a model begins with, against observations that weigh about
# (characters / tokens)^2 each.
_KIND_RIDGE = 3e-3
_MODEL_RIDGE = 1e-1
# Relative errors count, not tokens; below this, tokens. Unit: tokens.
_LEAST_SCALE = 30.0
# A larger error counts as if it were this one: Huber's weights.
_LARGEST_ERROR = 0.5
# The first weights are solved for at each observation, later at every sixteenth part more, at most this many.
_SOLVE_EVERY = 64
_SOLVE_SHARE = 16
# Mean relative error before anything was observed, and how many observations that counts for.
FIRST_SPREAD = 0.12
_SPREAD_PRIOR = 4
_LEAST_WEIGHT = 0.03


class Kind:
    """One kind of text. `spread`: mean relative error of an estimate. `ratio`, `ratio_spread`: mean bytes a token and
    mean deviation from it. Memory: about 3 KB."""

    __slots__ = ("moments", "observations", "ratio", "ratio_spread", "solved_at", "spread", "weights")

    def __init__(self) -> None:
        self.moments = Moments(SIZE)
        self.observations = 0
        self.spread = FIRST_SPREAD
        self.ratio = 0.0
        self.ratio_spread = 0.0
        self.weights: Sequence[float] = ()
        self.solved_at = -1

    @property
    def stale(self) -> bool:
        """Whether the weights should be solved for again."""
        new = self.observations - self.solved_at
        return self.solved_at < 0 or new > min(self.observations // _SOLVE_SHARE, _SOLVE_EVERY)

    def observe(self, x: Sequence[float], estimated: float, tokens: int, body_bytes: int, forgetting: float) -> None:
        """A prompt of `tokens` that was `estimated` so."""
        self.observations += 1
        error = abs(tokens / estimated - 1.0)
        weight = max(1.0 / (self.observations + _SPREAD_PRIOR), _LEAST_WEIGHT)
        self.spread += weight * (min(error, 1.0) - self.spread)
        weight = max(1.0 / self.observations, _LEAST_WEIGHT)
        ratio = body_bytes / tokens
        self.ratio += weight * (ratio - self.ratio)
        self.ratio_spread += weight * (abs(ratio - self.ratio) - self.ratio_spread)
        # A wrong count on either side gets no more say than a right one.
        larger, smaller = max(tokens, estimated), min(tokens, estimated)
        importance = 1.0 / (larger + _LEAST_SCALE) ** 2
        if larger > (1.0 + _LARGEST_ERROR) * smaller:
            importance *= _LARGEST_ERROR / (larger / smaller - 1.0)
        self.moments.add(x, tokens, importance, forgetting)


class ModelPrompts:
    """The kinds of one model."""

    __slots__ = ("_shared", "_shared_at", "kinds", "observations")

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.observations = 0
        self._shared: Sequence[float] = PRIOR
        self._shared_at = 0

    def expected(self, category: str, x: Sequence[float]) -> float:
        """Tokens of a prompt with the features `x`. May be anything: the caller bounds it."""
        tokens: float = sum(map(mul, x, self._weights(category)))
        return tokens

    def observe(
        self, category: str, x: Sequence[float], estimated: float, tokens: int, body_bytes: int, forgetting: float
    ) -> None:
        """A prompt of `tokens` that was `estimated` so."""
        kind = self.kinds.get(category)
        if kind is None:
            kind = self.kinds[category] = Kind()
        self.observations += 1
        kind.observe(x, estimated, tokens, body_bytes, forgetting)

    def adopt(self, category: str, kind: Kind) -> None:
        """Put `kind` in the place of what is there."""
        known = self.kinds.get(category)
        self.observations += kind.observations - (known.observations if known else 0)
        self.kinds[category] = kind
        self._shared_at = 0

    def _weights(self, category: str) -> Sequence[float]:
        kind = self.kinds.get(category)
        if kind is None:
            return prior_of(category) or self._common()
        if kind.stale:
            kind.weights = kind.moments.solved(prior_of(category) or self._common(), _KIND_RIDGE)
            kind.solved_at = kind.observations
        return kind.weights

    def _common(self) -> Sequence[float]:
        """The weights of all kinds together; solved again when there is a tenth more to go by."""
        if self.observations > self._shared_at * 1.1:
            usual = [kind.moments for name, kind in self.kinds.items() if prior_of(name) is None]
            self._shared = total(usual, SIZE).solved(PRIOR, _MODEL_RIDGE)
            self._shared_at = self.observations
        return self._shared
