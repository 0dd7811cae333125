"""What an OpenAI server says about itself: the models it serves and, if it is vLLM, its KV cache and its counters."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import fsum

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tokenlane_worker.engine.protocol import EngineStats

CACHE_CONFIG = "vllm:cache_config_info"
RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
KV_USAGE = "vllm:kv_cache_usage_perc"
PREEMPTIONS = "vllm:num_preemptions_total"
PROMPT_TOKENS = "vllm:prompt_tokens_total"
GENERATION_TOKENS = "vllm:generation_tokens_total"
WANTED = (CACHE_CONFIG, RUNNING, WAITING, KV_USAGE, PREEMPTIONS, PROMPT_TOKENS, GENERATION_TOKENS)


class ServedModel(msgspec.Struct, frozen=True):
    """`max_model_len` is vLLM's addition to the OpenAI API, in tokens."""

    id: str
    max_model_len: int | None = None


class _ModelList(msgspec.Struct, frozen=True):
    data: list[ServedModel]


class _Tokens(msgspec.Struct, frozen=True):
    count: int


@dataclass(frozen=True, slots=True)
class KvCache:
    """Usable size: vLLM keeps one block of each engine for itself."""

    capacity_tokens: int
    block_size: int


def parse_models(body: bytes) -> list[ServedModel]:
    """Raises ValueError if the body is not a model list."""
    return msgspec.json.decode(body, type=_ModelList).data


def parse_token_count(body: bytes) -> int | None:
    """The answer of vLLM's tokenizer. None if it is not one."""
    try:
        return msgspec.json.decode(body, type=_Tokens).count
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def choose_model(models: list[ServedModel], wanted: str) -> ServedModel | None:
    """The model named `wanted`, or the first one if no name is given."""
    return next((model for model in models if wanted in ("", model.id)), None)


def parse_kv_cache(metrics: str) -> KvCache | None:
    """None if the server does not say. Data-parallel engines behind one server add up."""
    caches = [sample.labels for sample in _samples(metrics) if sample.name == CACHE_CONFIG]
    sizes = [_usable(labels) for labels in caches]
    if not sizes or None in sizes:
        return None
    block_size = int(caches[0]["block_size"])
    return KvCache(sum(blocks for blocks in sizes if blocks) * block_size, block_size)


def parse_stats(metrics: str) -> EngineStats:
    """Zero for what the server does not say."""
    samples = list(_samples(metrics))
    usage = [sample.value for sample in samples if sample.name == KV_USAGE]
    return EngineStats(
        running=_total(samples, RUNNING),
        waiting=_total(samples, WAITING),
        kv_usage=fsum(usage) / len(usage) if usage else 0.0,
        preemptions=_total(samples, PREEMPTIONS),
        prompt_tokens=_total(samples, PROMPT_TOKENS),
        generation_tokens=_total(samples, GENERATION_TOKENS),
    )


def _samples(metrics: str) -> Iterator[Sample]:
    # the exposition has about a thousand lines; parsing them all costs ten milliseconds
    wanted = "\n".join(line for line in metrics.splitlines() if line.startswith(WANTED))
    for family in text_string_to_metric_families(wanted + "\n"):
        yield from family.samples


def _usable(labels: dict[str, str]) -> int | None:
    blocks, size = labels.get("num_gpu_blocks", ""), labels.get("block_size", "")
    return int(blocks) - 1 if blocks.isdecimal() and size.isdecimal() else None


def _total(samples: Iterable[Sample], name: str) -> int:
    return round(fsum(sample.value for sample in samples if sample.name == name))
