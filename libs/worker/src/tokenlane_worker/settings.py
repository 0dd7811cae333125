"""Settings of a worker."""

import shlex
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from tokenlane_chassis.settings import ServiceSettings


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
    engine_max_num_seqs: int = Field(0, ge=0, description="Requests at once; 0 takes the lane's")
    sim_profile: str = Field("h100-llama3-8b", description="Hardware and model that the simulation imitates")
    sim_speed: float = Field(1.0, gt=0, description="Simulated seconds in one real second")
    kv_overcommit: float = Field(1.0, gt=0, le=10, description="Committed tokens over the KV capacity")
    max_attempts: int = Field(5, ge=1, le=100, description="Failed attempts after which a request is given up")
    max_run_s: float = Field(3600, gt=0, description="Seconds for which an attempt keeps its claim")
    engine_stall_s: float = Field(
        60, ge=0, description="An engine that runs and moves no token so long is dead; 0: off"
    )
    stats_interval_s: float = Field(2.0, gt=0, description="How often the engine's own figures are read")

    @field_validator("engine_args")
    @classmethod
    def _splits(cls, value: str) -> str:
        shlex.split(value)
        return value

    @model_validator(mode="after")
    def _names_its_engine(self) -> "WorkerSettings":
        if self.engine == "vllm" and not self.model:
            raise ValueError("TOKENLANE_MODEL is needed with TOKENLANE_ENGINE=vllm")
        if self.engine == "url" and not self.engine_url:
            raise ValueError("TOKENLANE_ENGINE_URL is needed with TOKENLANE_ENGINE=url")
        return self
