"""The engine that is already running: an OpenAI server named by URL. The worker neither starts nor stops it."""

import asyncio
from dataclasses import dataclass, field

from tokenlane_worker.engine.backoff import until
from tokenlane_worker.engine.endpoint import parse_url
from tokenlane_worker.engine.errors import EngineError, EngineStartError
from tokenlane_worker.engine.http1 import Http1Client
from tokenlane_worker.engine.openai_api import KnownLimits, OpenAIApi
from tokenlane_worker.engine.protocol import EngineInfo, EngineStats, Sink


@dataclass(frozen=True, slots=True)
class OpenAIServerConfig:
    """`url`: http(s)://host[:port][/prefix][/v1] or unix:///path. `model`: "" takes the first one served.

    `kv_capacity_tokens` and `max_model_len` are needed only for servers that do not tell them (vLLM does).
    """

    url: str
    api_key: str = field(default="", repr=False)
    model: str = ""
    kv_capacity_tokens: int | None = None
    max_model_len: int | None = None
    max_num_seqs: int = 256
    connect_timeout_s: float = 5.0
    start_timeout_s: float = 60.0


class OpenAIServerEngine:
    def __init__(self, config: OpenAIServerConfig) -> None:
        """Raises ValueError if the URL cannot be read."""
        self._config = config
        self._endpoint = parse_url(config.url)
        self._client = Http1Client(self._endpoint, api_key=config.api_key, connect_timeout_s=config.connect_timeout_s)
        self._api = OpenAIApi(self._client)

    async def start(self) -> EngineInfo:
        config = self._config
        if not await until(self._api.healthy, config.start_timeout_s):
            raise EngineStartError(f"no healthy engine at {self._endpoint} within {config.start_timeout_s:g} s")
        limits = KnownLimits(config.max_num_seqs, config.kv_capacity_tokens, config.max_model_len)
        try:
            return await self._api.describe(config.model, limits)
        except EngineStartError:
            raise
        except EngineError as error:
            raise EngineStartError(str(error)) from error

    async def generate(self, path: str, body: bytes, sink: Sink, request_id: str = "") -> None:
        await self._api.generate(path, body, sink, request_id)

    async def count_tokens(self, text: str, model: str) -> int | None:
        return await self._api.count_tokens(text, model)

    async def stats(self) -> EngineStats:
        return await self._api.stats()

    async def wait_dead(self) -> str:
        """Never resolves: a server that is away may come back."""
        await asyncio.Event().wait()
        raise AssertionError

    async def stop(self) -> None:
        self._client.close()
