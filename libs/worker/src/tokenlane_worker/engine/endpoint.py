"""Where an OpenAI server listens: a TCP address or a Unix socket, with or without TLS and a base path."""

from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`socket_path` wins over `host` and `port`. `base_path` is what stands before "/v1", "" or "/prefix"."""

    host: str = "localhost"
    port: int = 80
    tls: bool = False
    socket_path: str = ""
    base_path: str = ""

    @property
    def host_header(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        default = DEFAULT_PORTS["https" if self.tls else "http"]
        return name if self.socket_path or self.port == default else f"{name}:{self.port}"

    def __str__(self) -> str:
        if self.socket_path:
            return f"unix://{self.socket_path}"
        return f"{'https' if self.tls else 'http'}://{self.host_header}{self.base_path}"


def parse_url(url: str) -> Endpoint:
    """Accept http(s)://host[:port][/prefix][/v1] and unix:///path/of/socket. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if parts.scheme == "unix" and parts.path and not parts.netloc:
        return Endpoint(socket_path=parts.path)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"not an engine URL (http://host:port, https://host or unix:///path): {url!r}")
    return Endpoint(
        host=parts.hostname,
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "https",
        base_path=parts.path.rstrip("/").removesuffix("/v1"),
    )
