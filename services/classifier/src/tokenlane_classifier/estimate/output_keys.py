"""By what output is learned: from all requests of a model to those of one route with nearly the same prompt. Pure."""

import math
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

import msgspec

from tokenlane_classifier.estimate.route import Route

Key = tuple[str | int, ...]

_SHIFTS = (6, 4, 2, 0)
_FINEST = 128
_TENANT_KEY = 3
_PROMPT_KEY = 8
_LENGTHS = (1, _TENANT_KEY, 4, 5, 6, _PROMPT_KEY)

LEVELS = ("model", "tenant", "system", "tools", "limit", *("prompt" for _ in _SHIFTS))
"""What each key of a chain adds, coarsest first; "tenant" is tenant and API, "limit" the bucket of `max_tokens`, so
that answers which it cut are among their like. The prompt comes four times: 2, 8, 32 and 128 buckets for each doubling
of its length."""

TENANT = 1
"""The level that learns how much its finer ones lean on each other."""
ROUTE = 4
"""The level that is all of a route."""


class Leaf(NamedTuple):
    """The finest key, which tells all others: the route with its limit as a bucket, and the finest bucket of the
    prompt."""

    model: str
    tenant: str
    endpoint: int
    system_hash: int
    tools_hash: int
    limit: int
    prompt: int


def leaf_of(route: Route, prompt_tokens: int) -> Leaf:
    """Where a request belongs."""
    tenant, model, endpoint, system_hash, tools_hash, limit = route
    prompt = int(_FINEST * math.log2(prompt_tokens)) if prompt_tokens > 1 else 0
    return Leaf(model, tenant, endpoint, system_hash, tools_hash, limit.bit_length(), prompt)


def route_keys(route: Key) -> list[Key]:
    """The keys of a leaf's first six parts, coarsest first, up to `ROUTE`."""
    return [route[:1], route[:3], route[:4], route[:5], route]


def prompt_keys(route: Key, prompt: int) -> Iterator[Key]:
    """The keys behind those of the route, coarsest first."""
    return ((*route, prompt >> by, by) for by in _SHIFTS)


def learns_priors(key: Key) -> bool:
    """It is one of level `TENANT`."""
    return len(key) == _TENANT_KEY


def coarseness(key: Key) -> int:
    """Orders the keys of a chain: 0 is the finest."""
    return int(key[-1]) if len(key) == _PROMPT_KEY else 2 * _SHIFTS[0] - len(key)


def is_key(key: Key) -> bool:
    """A chain has such a key."""
    kinds = (str, str, *(int for _ in key[2:]))
    return len(key) in _LENGTHS and all(isinstance(part, kind) for part, kind in zip(key, kinds, strict=False))


def shard_of(key: Key, shards: int) -> int:
    """The same in every process."""
    return crc32(msgspec.msgpack.encode(key)) % shards
