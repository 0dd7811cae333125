"""Which engine a worker drives, from its settings and its lane."""

import os
import shlex
from collections.abc import Callable, Mapping, Sequence

import structlog

from tokenlane_fleet.hardware.engine_settings import EngineSettings, Reasoned
from tokenlane_worker.engine.errors import EngineStartError
from tokenlane_worker.engine.gpu_names import gpu_names
from tokenlane_worker.engine.hardware import UnknownHardwareError, known_hardware
from tokenlane_worker.engine.openai_server import OpenAIServerConfig, OpenAIServerEngine
from tokenlane_worker.engine.protocol import Engine
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig
from tokenlane_worker.engine.vllm_child import VllmChildEngine
from tokenlane_worker.engine.vllm_command import VllmChildConfig, given, names_any
from tokenlane_worker.engine_choice import Asked, Choice, for_hardware, for_lane
from tokenlane_worker.lane import Lane
from tokenlane_worker.settings import WorkerSettings


def make_engine(
    settings: WorkerSettings, lane: Lane, gpus: Callable[[Mapping[str, str]], Sequence[str]] = gpu_names
) -> Engine:
    """The engine, not started yet. Raises EngineStartError where a setting cannot be read."""
    if settings.engine == "sim":
        return SimulatedEngine(_simulated(settings, lane))
    if settings.engine == "url":
        try:
            return OpenAIServerEngine(_server(settings, lane))
        except ValueError as error:
            raise EngineStartError(f"TOKENLANE_ENGINE_URL: {error}") from None
    choice = choose(settings, lane, gpus(os.environ))
    _tell(choice)
    return VllmChildEngine(_child(settings, choice.settings))


def choose(settings: WorkerSettings, lane: Lane, gpus: Sequence[str]) -> Choice:
    """Of a `vllm serve` child on these GPUs, as the driver names them."""
    arguments = shlex.split(settings.engine_args)
    asked = _asked(settings, arguments)
    try:
        hardware = known_hardware(settings.model, arguments, gpus)
    except UnknownHardwareError as error:
        return for_lane(lane, str(error), asked)
    return for_hardware(hardware, settings.engine_tpot_ms / 1e3 or lane.tpot_s, asked)


def _asked(settings: WorkerSettings, arguments: Sequence[str]) -> Asked:
    def of(option: str, own: int) -> Reasoned | None:
        try:
            value = given(arguments, int, f"--{option}")
        except ValueError:
            # What vLLM can read and this cannot still wins there; where nobody can, the engine's start says so.
            value = None
        if value is not None:
            return Reasoned(value, "TOKENLANE_ENGINE_ARGS")
        return Reasoned(own, f"TOKENLANE_ENGINE_{option.replace('-', '_').upper()}") if own else None

    step = of("max-num-batched-tokens", settings.engine_max_num_batched_tokens)
    cut = of("long-prefill-token-threshold", settings.engine_long_prefill_token_threshold)
    if cut is None and names_any(arguments, ("--max-num-batched-tokens",)):
        cut = Reasoned(0, "off: TOKENLANE_ENGINE_ARGS has a step of its own and no other cut")
    return Asked(of("max-num-seqs", settings.engine_max_num_seqs), step, cut)


def _tell(choice: Choice) -> None:
    found = choice.settings
    structlog.get_logger("tokenlane.engine").info(
        "engine settings",
        by=choice.basis,
        max_num_seqs=found.max_num_seqs.value,
        max_num_seqs_why=found.max_num_seqs.why,
        max_num_batched_tokens=found.max_num_batched_tokens.value,
        max_num_batched_tokens_why=found.max_num_batched_tokens.why,
        long_prefill_token_threshold=found.long_prefill_token_threshold.value,
        long_prefill_token_threshold_why=found.long_prefill_token_threshold.why,
    )


def _simulated(settings: WorkerSettings, lane: Lane) -> SimulatedEngineConfig:
    return SimulatedEngineConfig(
        served_model_name=settings.served_model_name or settings.model or settings.sim_profile,
        profile=settings.sim_profile,
        speed=settings.sim_speed,
        max_num_seqs=settings.engine_max_num_seqs or lane.max_num_seqs,
        max_num_batched_tokens=settings.engine_max_num_batched_tokens or lane.max_num_batched_tokens,
        max_model_len=settings.engine_max_model_len or None,
        long_prefill_token_threshold=settings.engine_long_prefill_token_threshold or None,
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


def _child(settings: WorkerSettings, chosen: EngineSettings) -> VllmChildConfig:
    cut = chosen.long_prefill_token_threshold.value
    return VllmChildConfig(
        model=settings.model,
        served_model_name=settings.served_model_name,
        command=tuple(shlex.split(settings.engine_command)),
        extra_args=(
            *("--max-num-batched-tokens", str(chosen.max_num_batched_tokens.value)),
            *(("--long-prefill-token-threshold", str(cut)) if cut else ()),
            *(("--scheduling-policy", "priority") if settings.shared_lanes else ()),
            *shlex.split(settings.engine_args),
        ),
        max_num_seqs=chosen.max_num_seqs.value,
        log_file=settings.engine_log_file,
        start_timeout_s=settings.engine_start_timeout_s,
    )
