"""Which engine a worker drives, from its settings and its lane."""

import shlex

from tokenlane_worker.engine.errors import EngineStartError
from tokenlane_worker.engine.openai_server import OpenAIServerConfig, OpenAIServerEngine
from tokenlane_worker.engine.protocol import Engine
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig
from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import VllmChildConfig
from tokenlane_worker.lane import Lane
from tokenlane_worker.settings import WorkerSettings


def make_engine(settings: WorkerSettings, lane: Lane) -> Engine:
    """The engine, not started yet. Raises EngineStartError where a setting cannot be read."""
    if settings.engine == "sim":
        return SimulatedEngine(_simulated(settings, lane))
    if settings.engine == "url":
        try:
            return OpenAIServerEngine(_server(settings, lane))
        except ValueError as error:
            raise EngineStartError(f"TOKENLANE_ENGINE_URL: {error}") from None
    return VllmChildEngine(_child(settings, lane))


def _simulated(settings: WorkerSettings, lane: Lane) -> SimulatedEngineConfig:
    return SimulatedEngineConfig(
        served_model_name=settings.served_model_name or settings.model or settings.sim_profile,
        profile=settings.sim_profile,
        speed=settings.sim_speed,
        max_num_seqs=settings.engine_max_num_seqs or lane.max_num_seqs,
        max_num_batched_tokens=lane.max_num_batched_tokens,
        max_model_len=settings.engine_max_model_len or None,
    )


def _server(settings: WorkerSettings, lane: Lane) -> OpenAIServerConfig:
    return OpenAIServerConfig(
        url=settings.engine_url,
        api_key=settings.engine_api_key,
        model=settings.served_model_name,
        kv_capacity_tokens=settings.engine_kv_capacity_tokens or None,
        max_model_len=settings.engine_max_model_len or None,
        max_num_seqs=settings.engine_max_num_seqs or lane.max_num_seqs,
    )


def _child(settings: WorkerSettings, lane: Lane) -> VllmChildConfig:
    return VllmChildConfig(
        model=settings.model,
        served_model_name=settings.served_model_name,
        command=tuple(shlex.split(settings.engine_command)),
        extra_args=(
            *("--max-num-batched-tokens", str(lane.max_num_batched_tokens)),
            *(("--scheduling-policy", "priority") if settings.shared_lanes else ()),
            *shlex.split(settings.engine_args),
        ),
        max_num_seqs=settings.engine_max_num_seqs or lane.max_num_seqs,
        log_file=settings.engine_log_file,
        start_timeout_s=settings.engine_start_timeout_s,
    )
