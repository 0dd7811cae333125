"""Settings of a worker."""

import shlex
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto import subjects


class WorkerSettings(ServiceSettings):
    """On top of what every service reads."""

    engine: Literal["vllm", "url", "sim"] = Field("vllm", description="`vllm serve` child, running server, simulation")
    model: str = Field("", description="Model name or directory for `vllm serve`")
    served_model_name: str = Field("", description="Name that clients ask for; by default the model's own")
    engine_command: str = Field("vllm", description="Executable of vLLM")
    engine_args: str = Field("", description="Further arguments of `vllm serve`; they win over the lane's")
    engine_log_file: Path | None = Field(None, description="Where the engine's output goes; by default to debug logs")
    engine_start_timeout_s: float = Field(900, gt=0)
    engine_url: str = Field("", description="Base URL of a running OpenAI server")
    engine_api_key: str = Field("", description="Bearer token for that server")
    engine_kv_capacity_tokens: int = Field(0, ge=0, description="For a server without vLLM's metrics. Unit: tokens")
    engine_max_model_len: int = Field(0, ge=0, description="For a server that does not tell. Unit: tokens")
    engine_max_num_seqs: int = Field(
        0, ge=0, description="Requests at once; 0 takes the default for the model on its GPU, else the lane's"
    )
    engine_max_num_batched_tokens: int = Field(
        0, ge=0, description="Tokens of a step; 0 takes the default for the model on its GPU, else the lane's"
    )
    engine_long_prefill_token_threshold: int = Field(
        0, ge=0, description="Of a step, what one long prompt gets beside others; 0: the default for model and GPU"
    )
    engine_tpot_ms: float = Field(
        0, ge=0, description="Most time a token that those defaults may cause; 0 takes the lane's. Unit: milliseconds"
    )
    sim_profile: str = Field("h100-llama3-8b", description="Hardware and model that the simulation imitates")
    sim_speed: float = Field(1.0, gt=0, description="Simulated seconds in one real second")
    kv_overcommit: float = Field(1.0, gt=0, le=10, description="Committed tokens over the KV capacity")
    max_attempts: int = Field(5, ge=1, le=100, description="Failed attempts after which a request is given up")
    max_run_s: float = Field(3600, gt=0, description="Seconds for which an attempt keeps its claim")
    isolation: Literal["elastic", "strict"] = Field(
        "elastic", description="While its lane has nothing a worker takes what fits from others, or never does"
    )
    prefill_cap_tokens: int | None = Field(
        None, ge=0, description="Nothing is pulled while more prompt than this is not computed; 0: no cap"
    )
    batch_sequences: int | None = Field(
        None, ge=0, description="Requests of batch priority at once beside others; by default a 32nd of max_num_seqs"
    )
    shared_lanes: str = Field(
        "", description="Lanes that this worker serves on its one engine, most urgent first, as in short,long"
    )
    overrun_tokens: int = Field(
        0, ge=0, description="Streams that grow longer move to a longer lane; 0: only at the end of the context"
    )
    engine_stall_s: float = Field(
        60, ge=0, description="An engine that runs and moves no token so long is dead; 0: off"
    )
    stats_interval_s: float = Field(2.0, gt=0, description="How often the engine's own figures are read")

    @field_validator("engine_args")
    @classmethod
    def _splits(cls, value: str) -> str:
        shlex.split(value)
        return value

    @field_validator("shared_lanes")
    @classmethod
    def _are_lanes(cls, value: str) -> str:
        names = value.split(",") if value else []
        if len(names) == 1 or len(set(names)) < len(names) or not all(map(subjects.is_token, names)):
            raise ValueError("two or more lanes, each named once, as in short,long")
        return value

    def lanes(self, lane: str) -> tuple[str, ...]:
        """The lanes that the worker serves, most urgent first. `lane`: the one that it was built for."""
        return tuple(self.shared_lanes.split(",")) if self.shared_lanes else (lane,)

    @model_validator(mode="after")
    def _names_its_engine(self) -> "WorkerSettings":
        if self.engine == "vllm" and not self.model:
            raise ValueError("TOKENLANE_MODEL is needed with TOKENLANE_ENGINE=vllm")
        if self.engine == "url" and not self.engine_url:
            raise ValueError("TOKENLANE_ENGINE_URL is needed with TOKENLANE_ENGINE=url")
        return self
