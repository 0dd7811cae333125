"""The processes of the local stack as data: command, environment, where each says that it is ready."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tokenlane_cli import local_defaults
from tokenlane_cli.stack.options import EngineKind, LaneOption, StackOptions

LOOPBACK = "127.0.0.1"
WORKER_MODULES = {"short": "tokenlane_worker_short", "long": "tokenlane_worker_long"}
SERVICE_MODULES = ("tokenlane_ingress", "tokenlane_classifier", "tokenlane_autoscaler")


class Role(StrEnum):
    """What a process is."""

    BROKER = "nats"
    INGRESS = "ingress"
    CLASSIFIER = "classifier"
    WORKER = "worker"
    AUTOSCALER = "autoscaler"


# The door closes first, and what carries answers to it stays until it has them all.
DRAIN_ORDER = (Role.INGRESS, Role.CLASSIFIER, Role.WORKER, Role.AUTOSCALER, Role.BROKER)


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A process to run. `env` is added to the environment of `tokenlane up`. Times in seconds."""

    name: str
    role: Role
    argv: tuple[str, ...]
    ready_url: str
    metrics_url: str = ""
    lane: str = ""
    env: tuple[tuple[str, str], ...] = ()
    start_timeout_s: float = local_defaults.SERVICE_START_S


@dataclass(frozen=True, slots=True)
class Base:
    """What every process of one stack needs to know. Ports are on the loopback interface."""

    options: StackOptions
    python: str
    nats_server: str
    nats_config: Path
    keys_file: Path
    logs: Path
    nats_port: int
    nats_http_port: int
    http_port: int

    @property
    def nats_url(self) -> str:
        """Where clients of the bus connect."""
        return f"nats://{LOOPBACK}:{self.nats_port}"

    @property
    def url(self) -> str:
        """The ingress."""
        return f"http://{LOOPBACK}:{self.http_port}"


def nats_config(base: Base, store: Path) -> str:
    """Configuration of the broker: loopback only, JetStream on, payloads large enough for long prompts."""
    return (
        f'listen: "{LOOPBACK}:{base.nats_port}"\n'
        f'http: "{LOOPBACK}:{base.nats_http_port}"\n'
        f"max_payload: {local_defaults.NATS_MAX_PAYLOAD}\n"
        f'jetstream {{ store_dir: "{store}" }}\n'
    )


def broker(base: Base) -> ProcessSpec:
    """nats-server."""
    ready = f"http://{LOOPBACK}:{base.nats_http_port}/healthz"
    return ProcessSpec("nats", Role.BROKER, (base.nats_server, "-c", str(base.nats_config)), ready)


def ingress(base: Base) -> ProcessSpec:
    """The HTTP door; its probes and metrics are on its own port."""
    env = (
        ("TOKENLANE_HTTP_HOST", LOOPBACK),
        ("TOKENLANE_HTTP_PORT", str(base.http_port)),
        ("TOKENLANE_API_KEYS_FILE", str(base.keys_file)),
    )
    argv = (base.python, "-m", "tokenlane_ingress")
    return ProcessSpec(
        "ingress", Role.INGRESS, argv, f"{base.url}/readyz", f"{base.url}/metrics", env=_common(base) + env
    )


def classifier(base: Base, metrics_port: int) -> ProcessSpec:
    """The classifier, with the lanes of this stack."""
    env = (("TOKENLANE_LANES", base.options.lanes_setting),)
    return _service(base, Role.CLASSIFIER, "tokenlane_classifier", metrics_port, env)


def autoscaler(base: Base, metrics_port: int) -> ProcessSpec:
    """The autoscaler. Every lane keeps a worker: an engine takes long to start on a small machine."""
    env = (
        ("TOKENLANE_LANES", base.options.lanes_setting),
        ("TOKENLANE_MIN_REPLICAS", "1"),
        ("TOKENLANE_MAX_REPLICAS", str(base.options.max_replicas)),
    )
    return _service(base, Role.AUTOSCALER, "tokenlane_autoscaler", metrics_port, env)


def worker(base: Base, lane: LaneOption, number: int, metrics_port: int) -> ProcessSpec:
    """The `number`th worker of a lane."""
    name = f"worker-{lane.name}-{number}"
    ready, metrics = _probes(metrics_port)
    slow = base.options.engine is EngineKind.VLLM
    return ProcessSpec(
        name=name,
        role=Role.WORKER,
        argv=(base.python, "-m", WORKER_MODULES[lane.name]),
        ready_url=ready,
        metrics_url=metrics,
        lane=lane.name,
        env=(
            *_common(base),
            *_metrics_env(metrics_port),
            *_engine_env(base.options),
            *_gpu_env(base.options, lane, number),
            *_shared_env(base.options),
            ("TOKENLANE_ENGINE_LOG_FILE", str(base.logs / f"{name}.engine.log")),
        ),
        start_timeout_s=local_defaults.ENGINE_START_S if slow else local_defaults.SERVICE_START_S,
    )


def _service(base: Base, role: Role, module: str, metrics_port: int, env: tuple[tuple[str, str], ...]) -> ProcessSpec:
    ready, metrics = _probes(metrics_port)
    env = _common(base) + _metrics_env(metrics_port) + env
    return ProcessSpec(role.value, role, (base.python, "-m", module), ready, metrics, env=env)


def _common(base: Base) -> tuple[tuple[str, str], ...]:
    return (
        ("TOKENLANE_NATS_URL", base.nats_url),
        ("TOKENLANE_DRAIN_GRACE_S", f"{local_defaults.DRAIN_GRACE_S:g}"),
    )


def _metrics_env(port: int) -> tuple[tuple[str, str], ...]:
    return (("TOKENLANE_METRICS_HOST", LOOPBACK), ("TOKENLANE_METRICS_PORT", str(port)))


def _probes(port: int) -> tuple[str, str]:
    return f"http://{LOOPBACK}:{port}/readyz", f"http://{LOOPBACK}:{port}/metrics"


def _engine_env(options: StackOptions) -> tuple[tuple[str, str], ...]:
    env = {
        "TOKENLANE_ENGINE": options.engine.value,
        "TOKENLANE_MODEL": options.model,
        "TOKENLANE_SERVED_MODEL_NAME": options.served_model,
        "TOKENLANE_ENGINE_COMMAND": options.engine_command,
        "TOKENLANE_ENGINE_ARGS": options.engine_args,
        "TOKENLANE_ENGINE_URL": options.engine_url,
        "TOKENLANE_SIM_PROFILE": options.sim_profile,
        "TOKENLANE_SIM_SPEED": "" if options.sim_speed is None else f"{options.sim_speed:g}",
        **dict(options.engine_env),
    }
    return tuple((name, value) for name, value in env.items() if value)


def _shared_env(options: StackOptions) -> tuple[tuple[str, str], ...]:
    lanes = ",".join(lane.name for lane in options.lanes)
    return (("TOKENLANE_SHARED_LANES", lanes),) if options.shared_engine else ()


def _gpu_env(options: StackOptions, lane: LaneOption, number: int) -> tuple[tuple[str, str], ...]:
    """The GPU of a lane's `number`th worker: lanes side by side, then the next round."""
    if not options.gpus:
        return ()
    device = ((number - 1) * len(options.lanes) + options.lanes.index(lane)) % options.gpus
    return (("CUDA_VISIBLE_DEVICES", str(device)),)
