"""What of a model decides its memory and its speed."""

import math
from dataclasses import dataclass

ELEMENT_BYTES = {"bf16": 2, "fp8": 1}


@dataclass(frozen=True, slots=True)
class GroupedQuery:
    """Keys and values of `heads` x `head_dim` in each of `layers`."""

    layers: int
    heads: int
    head_dim: int

    def bytes_per_token(self, tensor_parallel: int, dtype: str) -> int:
        """On each GPU. Heads are divided among them; where there are fewer heads than GPUs they are replicated."""
        heads = -(-self.heads // tensor_parallel)
        return 2 * self.layers * heads * self.head_dim * ELEMENT_BYTES[dtype]


@dataclass(frozen=True, slots=True)
class Latent:
    """Multi-head latent attention: one vector of `width` numbers (latent and rotary part) a layer, for keys and values
    of all heads. `fp8_bytes`: of that vector with its scales."""

    layers: int
    width: int
    fp8_bytes: int

    def bytes_per_token(self, tensor_parallel: int, dtype: str) -> int:
        """On each GPU: every one needs the whole vector, so that more GPUs do not make it smaller."""
        return self.layers * (self.fp8_bytes if dtype == "fp8" else self.width * ELEMENT_BYTES[dtype])


@dataclass(frozen=True, slots=True)
class Indexer:
    """Of sparse attention: picks `top_k` tokens of the context, by keys of `head_dim` 8-bit numbers and a 4-byte scale
    in each of `layers`; the other layers share them. Replicated on each GPU."""

    layers: int
    heads: int
    head_dim: int
    top_k: int

    @property
    def bytes_per_token(self) -> int:
        return self.layers * (self.head_dim + 4 * (self.head_dim // 128))


@dataclass(frozen=True, slots=True)
class LinearState:
    """What linear-attention layers keep of a sequence, whatever its length."""

    layers: int
    bytes_per_layer: int


@dataclass(frozen=True, slots=True)
class Experts:
    """Routed experts: a token uses `per_token` of `count`; `share` of the weights' bytes lies in them."""

    count: int
    per_token: int
    share: float

    def touched(self, tokens: float) -> float:
        """Share of them that a step with so many tokens reads, were the choice uniform: 1 - (1 - k / n)^tokens."""
        return 1.0 - math.pow(1.0 - self.per_token / self.count, tokens)


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint of `size` bytes. `low_share` of the products are computed in `compute` (bf16, fp8 or fp4) where the
    device can, the rest in bf16. `source` is of the size."""

    format: str
    size: float
    source: str
    compute: str = "bf16"
    low_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Model:
    """A decoder. A token uses `active` of the parameters, and `intermediate` of the MLP's width. `context` is the
    longest sequence it takes. `most_gpus`: more of them the checkpoint cannot be split over."""

    key: str
    repo: str
    parameters: float
    active: float
    layers: int
    hidden: int
    intermediate: int
    heads: int
    head_dim: int
    vocabulary: int
    context: int
    cache: GroupedQuery | Latent
    weights: Weights
    source: str
    indexer: Indexer | None = None
    state: LinearState | None = None
    experts: Experts | None = None
    aliases: tuple[str, ...] = ()
    most_gpus: int = 8

    def splits_over(self, gpus: int) -> bool:
        """Whether vLLM's tensor parallelism takes it: heads divide evenly, KV heads divide or are replicated."""
        if gpus > self.most_gpus or self.heads % gpus:
            return False
        if isinstance(self.cache, Latent):
            return True
        return self.cache.heads % gpus == 0 or gpus % self.cache.heads == 0
