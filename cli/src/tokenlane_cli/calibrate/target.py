"""What is measured: an OpenAI server, and what it says about its engine."""

from dataclasses import dataclass

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tokenlane_cli.errors import UsageError

_CACHE = "vllm:cache_config_info"
_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)


class _Model(msgspec.Struct, frozen=True):
    id: str
    max_model_len: int | None = None


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model]


class _Version(msgspec.Struct, frozen=True):
    version: str


@dataclass(frozen=True, slots=True)
class Target:
    """None: the server does not say. `kv_tokens` are usable ones; `engine` is a name with a version if known."""

    model: str
    engine: str
    max_model_len: int | None
    kv_tokens: int | None
    block_size: int | None


async def find_target(http: aiohttp.ClientSession, url: str, model: str) -> Target:
    """`model` empty: the first one served. Raises UsageError where nothing answers, or not as an OpenAI server does."""
    try:
        served = msgspec.json.decode(await _get(http, f"{url}/v1/models"), type=_Models).data
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UsageError(f"{url}/v1/models: not the models of an OpenAI server") from None
    chosen = next((found for found in served if model in ("", found.id)), None)
    if chosen is None:
        there = ", ".join(found.id for found in served) or "none"
        raise UsageError(f"{url} does not serve {model or 'any model'}; there are: {there}")
    kv_tokens, block_size = await _kv_cache(http, url)
    return Target(chosen.id, await _engine(http, url, kv_tokens), chosen.max_model_len, kv_tokens, block_size)


async def _get(http: aiohttp.ClientSession, url: str) -> bytes:
    try:
        async with http.get(url, timeout=_TIMEOUT) as response:
            if response.status != 200:
                raise UsageError(f"{url} answered {response.status}")
            return await response.read()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UsageError(f"{url}: {error or type(error).__name__}") from None


async def _kv_cache(http: aiohttp.ClientSession, url: str) -> tuple[int | None, int | None]:
    """vLLM keeps one block of each engine for itself. Only one engine behind the server is understood."""
    try:
        text = (await _get(http, f"{url}/metrics")).decode(errors="replace")
        lines = "\n".join(line for line in text.splitlines() if line.startswith(_CACHE))
        samples = [sample for family in text_string_to_metric_families(lines + "\n") for sample in family.samples]
    except (UsageError, ValueError):
        return None, None
    if len(samples) != 1:
        return None, None
    blocks, size = (samples[0].labels.get(name, "") for name in ("num_gpu_blocks", "block_size"))
    if not (blocks.isdecimal() and size.isdecimal()):
        return None, None
    return (int(blocks) - 1) * int(size), int(size)


async def _engine(http: aiohttp.ClientSession, url: str, kv_tokens: int | None) -> str:
    name = "an OpenAI server" if kv_tokens is None else "vLLM"
    try:
        return f"{name} {msgspec.json.decode(await _get(http, f'{url}/version'), type=_Version).version}"
    except (UsageError, msgspec.DecodeError, UnicodeDecodeError):
        return name
