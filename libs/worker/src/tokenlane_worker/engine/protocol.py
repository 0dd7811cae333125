"""What a worker asks of an engine.

Three engines answer to it: a `vllm serve` child, a running OpenAI server named by URL, and a simulation.
The worker never knows which one it drives, except by `EngineInfo.simulated`.
"""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a started engine can hold. Lengths and capacities are in tokens."""

    model: str
    max_model_len: int
    kv_capacity_tokens: int
    block_size: int
    max_num_seqs: int
    simulated: bool
    # That one step processes at most; 0: not known.
    max_num_batched_tokens: int = 0


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot: `kv_usage` is a fraction of the KV cache (0..1); the last three are totals since engine start."""

    running: int
    waiting: int
    kv_usage: float
    preemptions: int
    prompt_tokens: int
    generation_tokens: int


class Sink(Protocol):
    """Receives one answer. Called synchronously on the event loop: `head` once, then `data`."""

    def head(self, status: int, content_type: str) -> None: ...

    def data(self, chunk: bytes) -> None:
        """For server-sent events one or more whole events, coalesced per wake-up; otherwise the whole body at once."""


class Engine(Protocol):
    async def start(self) -> EngineInfo:
        """Return when the engine is healthy. Raises EngineStartError with one clear line."""
        ...

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        """Post `body` to `path` ("/v1/chat/completions" | "/v1/completions") and return at the end of the answer.

        The answer's id is made from `request_id` (characters of [A-Za-z0-9_-]) where the engine can do that, so that
        all attempts at a request share it. Cancelling the coroutine aborts the request in the engine and frees its KV
        cache; an exception of the sink does too, and is raised here.
        Raises EngineUnavailableError (nothing was sent) or EngineLostError (broke in mid-answer).
        """

    async def count_tokens(self, text: str, model: str) -> int | None:
        """Tokens of `text` in the middle of an answer of `model`; None if the engine cannot tell."""

    async def stats(self) -> EngineStats: ...

    async def wait_dead(self) -> str:
        """Resolve with a reason once the engine is gone for good; never for an engine named by URL."""
        ...

    async def stop(self) -> None:
        """Idempotent; leaves no process behind."""
