"""A fleet of real processes that are run again whenever they end: brokers, doors, classifier, workers of two lanes.

Nothing of the command line's own supervisor is in it, so that what recovers is the services alone.
"""

import asyncio
import hashlib
import json
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import httpx

from tests.support.broker import MAX_PAYLOAD, BrokerPorts, broker_specs
from tests.support.member import Member, MemberSpec
from tokenlane_cli.stack.machine import free_ports

_LOOPBACK = "127.0.0.1"
MODEL = "sim"
# A step of about 18 ms: a stream lasts long enough to be cut in its middle. Room for what a killed worker leaves.
PACED = {
    "ENGINE": "sim",
    "SERVED_MODEL_NAME": MODEL,
    "SIM_PROFILE": "h100-llama3-8b",
    "SIM_SPEED": "0.4",
    "ENGINE_MAX_NUM_SEQS": "256",
}
INSTANT = {"ENGINE": "sim", "SERVED_MODEL_NAME": MODEL, "SIM_PROFILE": "laptop-instant"}
LANES = ("short", "long")


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """What runs. `workers` in each of `lanes`; `settings` go to every service, `engine` to the workers, `lane_engine`
    to those of one lane (all without their prefix). `classifier`: the module that runs as it. `shared_port`: all doors
    listen on one port, as behind a service's address. `max_payload` of the bus in bytes."""

    brokers: int = 1
    ingresses: int = 2
    workers: int = 2
    lanes: tuple[str, ...] = LANES
    boundary_tokens: int = 512
    tenants: tuple[str, ...] = ("calm", "storm")
    shared_port: bool = False
    max_payload: int = MAX_PAYLOAD
    engine: Mapping[str, str] = field(default_factory=lambda: PACED)
    lane_engine: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    classifier: str = "tokenlane_classifier"


def api_key(tenant: str) -> str:
    """The key of a tenant of the fleet."""
    return f"key-of-{tenant}"


class Fleet:
    """Up and ready on enter, gone on exit; its directory (logs, stores) goes too unless `directory` is given."""

    def __init__(self, config: FleetConfig, directory: Path | None = None) -> None:
        self.config = config
        self._own_directory = directory is None
        self.directory = directory or Path(tempfile.mkdtemp(prefix="tokenlane-fleet-"))
        ports = free_ports(3 * config.brokers + config.ingresses + config.workers * len(config.lanes) + 1)
        self.brokers = [BrokerPorts(ports.pop(), ports.pop(), ports.pop()) for _ in range(config.brokers)]
        http = [ports.pop() for _ in range(config.ingresses)]
        if config.shared_port:
            http = http[:1] * config.ingresses
        self.urls = list(dict.fromkeys(f"http://{_LOOPBACK}:{port}" for port in http))
        self.nats_url = ",".join(f"nats://{_LOOPBACK}:{broker.client}" for broker in self.brokers)
        self._common = _prefixed({"NATS_URL": self.nats_url, "STREAM_REPLICAS": str(config.brokers)}) | _prefixed(
            config.settings
        )
        specs = broker_specs(self.brokers, self.directory, config.max_payload)
        specs += [self._ingress(number, port) for number, port in enumerate(http, 1)]
        specs.append(self._service("classifier", "classifier", config.classifier, ports.pop(), self._lanes()))
        for lane in config.lanes:
            for number in range(1, config.workers + 1):
                module, name = f"tokenlane_worker_{lane}", f"worker-{lane}-{number}"
                engine = {**config.engine, **config.lane_engine.get(lane, {})}
                specs.append(self._service(name, f"worker-{lane}", module, ports.pop(), engine))
        self.members = {spec.name: Member(spec, self.directory) for spec in specs}

    async def __aenter__(self) -> "Fleet":
        keys = {hashlib.sha256(api_key(tenant).encode()).hexdigest(): tenant for tenant in self.config.tenants}
        (self.directory / "keys.json").write_text(json.dumps(keys))
        try:
            await self._start([member for member in self.members.values() if member.spec.role == "nats"])
            await self._start([member for member in self.members.values() if member.spec.role != "nats"])
            await self._serving()
        except BaseException as error:
            said = self.tail()
            await self._stop()
            if isinstance(error, TimeoutError):
                raise RuntimeError(f"the fleet did not start:\n{said}") from error
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stop()

    def with_role(self, role: str) -> list[Member]:
        """The processes of one role: "nats", "ingress", "classifier", "worker-short", "worker-long"."""
        return [member for member in self.members.values() if member.spec.role == role]

    async def ready(self) -> None:
        """Return when every process takes work. Raises TimeoutError."""
        await asyncio.gather(*(member.ready() for member in self.members.values()))

    async def metric(self, name: str, role: str, **labels: str) -> float:
        """Sum of a metric over the processes of one role, of the series that have `labels`."""
        total = 0.0
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
            for member in self.with_role(role):
                text = (await http.get(member.spec.metrics_url)).text
                for series, value in re.findall(rf"^{name}(\{{[^}}]*\}}|) (\S+)$", text, re.MULTILINE):
                    if all(f'{label}="{wanted}"' in series for label, wanted in labels.items()):
                        total += float(value)
        return total

    def complaints(self, pattern: str) -> list[str]:
        """Lines of the services' logs that match."""
        wanted = re.compile(pattern)
        return [
            f"{name}: {line}"
            for name, member in self.members.items()
            for line in member.log().splitlines()
            if wanted.search(line)
        ]

    def crashes(self) -> dict[str, list[int]]:
        """Exit codes of runs that nobody ended, by process."""
        return {name: member.crashes for name, member in self.members.items() if member.crashes}

    def tail(self, lines: int = 5) -> str:
        """The last lines of every log."""
        return "\n".join(
            f"--- {name}\n" + "\n".join(member.log().splitlines()[-lines:]) for name, member in self.members.items()
        )

    async def _start(self, members: list[Member]) -> None:
        for member in members:
            await member.start()
        await asyncio.gather(*(member.ready() for member in members))

    async def _serving(self) -> None:
        """Each door knows the model once a worker has announced it."""
        headers = {"authorization": f"Bearer {api_key(self.config.tenants[0])}"}
        async with httpx.AsyncClient(timeout=5, trust_env=False) as http, asyncio.timeout(30):
            for url in self.urls:
                while not (await http.get(f"{url}/v1/models", headers=headers)).json()["data"]:
                    await asyncio.sleep(0.02)

    async def _stop(self) -> None:
        brokers = self.with_role("nats")
        others = [member for member in self.members.values() if member not in brokers]
        await asyncio.gather(*(member.stop(signal.SIGKILL) for member in others))
        await asyncio.gather(*(member.stop(signal.SIGKILL) for member in brokers))
        if self._own_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def _lanes(self) -> dict[str, str]:
        *bounded, last = self.config.lanes
        return {"LANES": ",".join([*(f"{lane}:{self.config.boundary_tokens}" for lane in bounded), last])}

    def _ingress(self, number: int, port: int) -> MemberSpec:
        url = f"http://{_LOOPBACK}:{port}"
        env = {"HTTP_HOST": _LOOPBACK, "HTTP_PORT": str(port), "API_KEYS_FILE": str(self.directory / "keys.json")}
        argv = (sys.executable, "-m", "tokenlane_ingress")
        return MemberSpec(
            f"ingress-{number}", "ingress", argv, f"{url}/readyz", f"{url}/metrics", self._common | _prefixed(env)
        )

    def _service(self, name: str, role: str, module: str, port: int, settings: Mapping[str, str]) -> MemberSpec:
        url = f"http://{_LOOPBACK}:{port}"
        env = {"METRICS_HOST": _LOOPBACK, "METRICS_PORT": str(port), **settings}
        argv = (sys.executable, "-m", module)
        return MemberSpec(name, role, argv, f"{url}/readyz", f"{url}/metrics", self._common | _prefixed(env))


def _prefixed(settings: Mapping[str, str]) -> dict[str, str]:
    return {f"TOKENLANE_{name}": value for name, value in settings.items()}
