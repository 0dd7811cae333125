"""Reading what a server says of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenlane_worker.engine.protocol import EngineStats
from tokenlane_worker.engine.server_facts import (
    KvCache,
    ServedModel,
    choose_model,
    parse_kv_cache,
    parse_models,
    parse_stats,
)
from tokenlane_worker.engine.sse import event_end

METRICS = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:num_preemptions_total{engine="0",model_name="m"} 1.0
vllm:num_preemptions_created{engine="0",model_name="m"} 1.7952517556217463e+09
vllm:prompt_tokens_total{engine="0",model_name="m"} 1.0e+02
vllm:generation_tokens_total{engine="0",model_name="m"} 7.0
vllm:cache_config_info{block_size="16",cache_dtype="auto",engine="0",num_gpu_blocks="101"} 1.0
"""


def test_vllm_metrics_are_read() -> None:
    assert parse_stats(METRICS) == EngineStats(3, 2, 0.25, 1, 100, 7)
    assert parse_kv_cache(METRICS) == KvCache(capacity_tokens=1600, block_size=16)


def test_data_parallel_engines_add_up() -> None:
    both = METRICS + METRICS.replace('engine="0"', 'engine="1"').replace("0.25", "0.75")
    assert parse_stats(both) == EngineStats(6, 4, 0.5, 2, 200, 14)
    assert parse_kv_cache(both) == KvCache(3200, 16)


@pytest.mark.parametrize("metrics", ["", "up 1\n", METRICS.replace('num_gpu_blocks="101"', 'num_gpu_blocks="None"')])
def test_an_unknown_cache_is_none(metrics: str) -> None:
    assert parse_kv_cache(metrics) is None


def test_a_server_without_metrics_counts_zero() -> None:
    assert parse_stats("") == EngineStats(0, 0, 0.0, 0, 0, 0)


def test_models() -> None:
    models = parse_models(b'{"object":"list","data":[{"id":"a","max_model_len":4096},{"id":"b"}]}')
    assert models == [ServedModel("a", 4096), ServedModel("b")]
    assert choose_model(models, "") == models[0]
    assert choose_model(models, "b") == models[1]
    assert choose_model(models, "c") is None
    with pytest.raises(ValueError, match="missing required field"):
        parse_models(b"{}")


@given(st.lists(st.sampled_from([b"\n\n", b"\r\n\r\n", b"data: x", b"\n"])).map(b"".join))
def test_nothing_behind_the_last_event_is_an_event(chunk: bytes) -> None:
    end = event_end(chunk)
    assert chunk[:end] == b"" or chunk[:end].endswith((b"\n\n", b"\r\n\r\n"))
    assert b"\n\n" not in chunk[end:]
    assert b"\r\n\r\n" not in chunk[end:]
