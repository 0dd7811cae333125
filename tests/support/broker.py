"""nats-servers of a fleet: one, or a cluster on loopback, with fixed ports so that they can be killed and come back."""

import json
import shutil
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.member import MemberSpec

MAX_PAYLOAD = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class BrokerPorts:
    """Loopback ports of one nats-server."""

    client: int
    monitor: int
    cluster: int


def broker_specs(ports: list[BrokerPorts], directory: Path, max_payload: int = MAX_PAYLOAD) -> list[MemberSpec]:
    """The processes of one nats-server, or of a cluster with as many nodes as there are `ports`."""
    binary = shutil.which("nats-server") or str(Path(sys.executable).with_name("nats-server"))
    specs = []
    for number, own in enumerate(ports, 1):
        name = f"nats-{number}"
        file = directory / f"{name}.conf"
        file.write_text(_config(name, own, ports, directory / name, max_payload))
        ready = f"http://127.0.0.1:{own.monitor}/healthz"
        specs.append(MemberSpec(name, "nats", (binary, "-c", str(file)), ready))
    return specs


def _config(name: str, own: BrokerPorts, ports: list[BrokerPorts], store: Path, max_payload: int) -> str:
    lines = [
        f"server_name: {name}",
        f'listen: "127.0.0.1:{own.client}"',
        f'http: "127.0.0.1:{own.monitor}"',
        f"max_payload: {max_payload}",
        f'jetstream {{ store_dir: "{store}" }}',
    ]
    if len(ports) > 1:
        routes = ", ".join(f'"nats://127.0.0.1:{each.cluster}"' for each in ports)
        lines.append(f'cluster {{ name: fleet, listen: "127.0.0.1:{own.cluster}", routes: [{routes}] }}')
    return "\n".join(lines) + "\n"


def monitor(port: int, path: str) -> dict[str, Any]:
    """What a nats-server says about itself. Raises OSError while it is away."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


def stream_leader(monitors: list[int], stream: str) -> str | None:
    """Name of the node that leads a stream, as the first node that answers sees it; None if there is no leader."""
    for port in monitors:
        try:
            accounts = monitor(port, "/jsz?streams=true&accounts=true").get("account_details", [])
        except OSError:
            continue
        for account in accounts:
            for detail in account.get("stream_detail", []):
                leader = detail.get("cluster", {}).get("leader")
                if detail["name"] == stream and leader:
                    return str(leader)
    return None
