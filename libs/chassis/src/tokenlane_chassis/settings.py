"""Settings, read once into a frozen object: environment first, then the file that TOKENLANE_CONFIG names."""

import os
import sys
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

PREFIX = "TOKENLANE_"
CONFIG_FILE = "TOKENLANE_CONFIG"


class ServiceSettings(BaseSettings):
    """What every service reads. Each field is the variable TOKENLANE_<FIELD> or the lower-case key in the TOML file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    nats_url: str = Field("nats://127.0.0.1:4222", description="Servers of the bus, comma-separated")
    nats_creds_file: Path | None = Field(None, description="Credentials file for the bus")
    stream_replicas: int = Field(1, ge=1, le=5, description="Copies of each stream, for streams that do not exist yet")
    start_timeout_s: float = Field(60, gt=0, description="How long to wait for the bus at start")
    max_body_bytes: int = Field(
        4 * 1024 * 1024, gt=0, description="Largest OpenAI body; more than a message takes is stored apart"
    )
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    metrics_host: str = "0.0.0.0"
    metrics_port: int = Field(9090, ge=0, le=65535, description="/metrics, /healthz and /readyz; 0 takes a free port")
    drain_grace_s: float = Field(30, ge=0, description="How long running work may go on after SIGTERM")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = os.environ.get(CONFIG_FILE)
        file = (TomlConfigSettingsSource(settings_cls, Path(path)),) if path else ()
        return (init_settings, env_settings, *file)


S = TypeVar("S", bound=ServiceSettings)


def load(cls: type[S]) -> S:
    """The settings of this process. A wrong one is named in one line on stderr and ends the process with code 2."""
    try:
        path = os.environ.get(CONFIG_FILE)
        if path and not Path(path).is_file():
            raise ValueError(f"{CONFIG_FILE}: no file at {path}")
        return cls()
    except ValidationError as error:
        first = error.errors()[0]
        name = PREFIX + "_".join(str(part) for part in first["loc"]).upper()
        _refuse(f"{name}: {first['msg']}" if first["loc"] else str(first["msg"]))
    except ValueError as error:
        _refuse(str(error))
    raise AssertionError("unreachable")


def _refuse(line: str) -> None:
    print(f"tokenlane: wrong setting: {line}", file=sys.stderr)
    raise SystemExit(2)
