"""The OpenAI server API as a worker uses it; shared by the engine named by URL and the engine that is a child."""

from dataclasses import dataclass

import msgspec

from tokenlane_worker.engine.errors import (
    EngineError,
    EngineLostError,
    EngineStartError,
    EngineUnavailableError,
)
from tokenlane_worker.engine.guard import OVERLOADED, Guard
from tokenlane_worker.engine.http1 import Http1Client
from tokenlane_worker.engine.protocol import EngineInfo, EngineStats, Sink
from tokenlane_worker.engine.server_facts import (
    ServedModel,
    choose_model,
    parse_kv_cache,
    parse_models,
    parse_stats,
    parse_token_count,
)

UNKNOWN_BLOCK_SIZE = 16


@dataclass(frozen=True, slots=True)
class KnownLimits:
    """What is told rather than asked, in tokens; None is asked of the server. `max_num_seqs` cannot be asked."""

    max_num_seqs: int
    kv_capacity_tokens: int | None = None
    max_model_len: int | None = None


class OpenAIApi:
    def __init__(self, client: Http1Client) -> None:
        self._client = client

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        """As Engine.generate."""
        guard = Guard(sink)
        await self._client.post(path, body, guard, request_id)
        if not guard.failed_status:
            return
        if guard.failed_status in OVERLOADED:
            raise EngineUnavailableError(f"the engine answered {guard.failed_status}")
        if not await self.healthy():
            raise EngineLostError(f"the engine failed while it answered ({guard.failed_status})")
        guard.release()

    async def count_tokens(self, text: str, model: str) -> int | None:
        """As Engine.count_tokens; vLLM and servers like it have a tokenizer to ask."""
        question = {"model": model, "prompt": text, "add_special_tokens": False}
        try:
            answer = await self._client.ask("/tokenize", msgspec.json.encode(question))
        except EngineError:
            return None
        return parse_token_count(answer.body) if answer.status == 200 else None

    async def healthy(self) -> bool:
        """A server without a health endpoint counts as healthy while it answers."""
        try:
            return (await self._client.get("/health")).status < 500
        except EngineError:
            return False

    async def stats(self) -> EngineStats:
        """Raises EngineUnavailableError, EngineLostError. Zero for what the server does not say."""
        return parse_stats(await self._metrics())

    async def describe(self, wanted: str, limits: KnownLimits) -> EngineInfo:
        """Raises EngineStartError if the server does not serve `wanted`, or a limit is neither told nor answered."""
        model = await self._model(wanted)
        cache = parse_kv_cache(await self._metrics())
        capacity = limits.kv_capacity_tokens or (cache.capacity_tokens if cache else None)
        length = limits.max_model_len or model.max_model_len
        if capacity is None:
            raise EngineStartError("the engine does not tell the size of its KV cache: set kv_capacity_tokens")
        if length is None:
            raise EngineStartError("the engine does not tell its context length: set max_model_len")
        return EngineInfo(
            model=model.id,
            max_model_len=length,
            kv_capacity_tokens=capacity,
            block_size=cache.block_size if cache else UNKNOWN_BLOCK_SIZE,
            max_num_seqs=limits.max_num_seqs,
            simulated=False,
        )

    async def _model(self, wanted: str) -> ServedModel:
        answer = await self._client.get("/v1/models")
        if answer.status != 200:
            raise EngineStartError(f"the engine answered {answer.status} when asked for its models")
        try:
            models = parse_models(answer.body)
        except ValueError as error:
            raise EngineStartError(f"the engine's list of models cannot be read: {error}") from error
        model = choose_model(models, wanted)
        if model is None:
            names = ", ".join(served.id for served in models) or "none"
            raise EngineStartError(f"the engine does not serve {wanted or 'any model'}; it serves: {names}")
        return model

    async def _metrics(self) -> str:
        answer = await self._client.get("/metrics")
        return answer.body.decode("utf-8", "replace") if answer.status == 200 else ""
