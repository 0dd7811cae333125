"""Defaults of the local stack where a flag is not given, each with its reason. Data, no decisions."""

from dataclasses import dataclass, field

PORT = 8080
TENANT = "demo"
DATA_DIR = ".tokenlane"
# Large prompts travel as one message; the broker's own default of 1 MB is below the ingress's body limit.
NATS_MAX_PAYLOAD = "8MB"
# The converted model that `make demo` fetches.
MODEL_DIR = ".cache/models/SmolLM2-135M-Instruct"
SIM_MODEL = "sim"
# Services start in about a second; two loaded cores and cold caches may take fifty times that.
SERVICE_START_S = 120.0
# A model may have to be downloaded first; an engine that fails ends by itself long before.
ENGINE_START_S = 3600.0
# The services drain within TOKENLANE_DRAIN_GRACE_S; the rest of the time is for closing connections and the engine.
DRAIN_GRACE_S = 20.0
STOP_GRACE_S = DRAIN_GRACE_S + 10.0


@dataclass(frozen=True, slots=True)
class EngineDefaults:
    """How engines of one kind are run on one machine. `env` is added to each worker."""

    lanes: str
    max_replicas: int
    engine_args: str = ""
    env: dict[str, str] = field(default_factory=dict)


# Simulated engines are cheap: a second worker of a lane costs one Python process.
SIM = EngineDefaults(lanes="short:1024,long", max_replicas=2)

# The boundary suits chat models with a context of 2,048 and more. With more GPUs than lanes there are more replicas.
GPU = EngineDefaults(lanes="short:1024,long", max_replicas=1)

# One engine for each lane on few cores, as engine/cpu.env has it (engine/README.md gives the reasons), with one thread
# for each engine's share of the cores.
CPU = EngineDefaults(
    lanes="short:512,long",
    max_replicas=1,
    engine_args=(
        "--enforce-eager --dtype float32 --distributed-executor-backend uni --kv-cache-memory-bytes 268435456 "
        "--max-model-len 4096"
    ),
    env={
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "TORCHDYNAMO_DISABLE": "1",
    },
)

# A server that is already running: its own limits hold, and a second worker on it adds no capacity.
URL = EngineDefaults(lanes="short:1024,long", max_replicas=1)
