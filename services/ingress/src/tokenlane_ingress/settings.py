"""Settings of the door."""

from pathlib import Path

from pydantic import Field, field_validator, model_validator

from tokenlane_chassis.settings import ServiceSettings
from tokenlane_proto.subjects import is_token


class IngressSettings(ServiceSettings):
    """Each field is the variable TOKENLANE_<FIELD>."""

    http_host: str = Field("0.0.0.0", description="Address of the HTTP API, its health and its /metrics")
    http_port: int = Field(8080, ge=0, le=65535, description="Port of the HTTP API; 0 takes a free one")
    api_keys_file: Path | None = Field(None, description="JSON object: SHA-256 of a key in hex → its tenant")
    anonymous_tenant: str | None = Field(None, description="Tenant of requests without a key, for local use")
    request_timeout_s: float = Field(600, gt=0, le=86_400, description="Longest that a client waits for its answer")
    resume_grace_s: float = Field(
        60, ge=0, le=86_400, description="How long a request with an idempotency key runs on after its client left"
    )

    @field_validator("anonymous_tenant")
    @classmethod
    def _names_a_tenant(cls, value: str | None) -> str | None:
        if value is not None and not is_token(value):
            raise ValueError("must be 1 to 64 characters of [A-Za-z0-9_-]")
        return value

    @model_validator(mode="after")
    def _admits_somebody(self) -> "IngressSettings":
        if self.api_keys_file is None and self.anonymous_tenant is None:
            raise ValueError("TOKENLANE_API_KEYS_FILE: required, unless TOKENLANE_ANONYMOUS_TENANT names a tenant")
        return self
