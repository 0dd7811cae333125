"""Flags, completed with the defaults of this machine. Raises UsageError."""

import math
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tokenlane_cli import local_defaults
from tokenlane_cli.errors import UsageError
from tokenlane_cli.local_defaults import EngineDefaults
from tokenlane_cli.stack import machine
from tokenlane_cli.stack.options import EngineKind, StackOptions, parse_lanes


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFlags:
    """The flags as they were given."""

    engine: EngineKind
    model: str = ""
    engine_url: str = ""
    engine_command: str = "vllm"
    engine_args: str | None = None
    lanes: str = ""
    workers_short: int = 1
    workers_long: int = 1
    data_dir: Path = Path(local_defaults.DATA_DIR)
    port: int | None = None
    sim_profile: str = ""
    sim_speed: float | None = None
    autoscaler: bool = True
    shared_engine: bool = False
    max_replicas: int | None = None


async def resolve(flags: StackFlags) -> StackOptions:
    """Options of the stack to run."""
    engine = EngineKind.URL if flags.engine_url else flags.engine
    if engine is EngineKind.URL and not flags.engine_url:
        raise UsageError("--engine url needs --engine-url, as in --engine-url http://127.0.0.1:8000")
    gpus = machine.gpu_count() if engine is EngineKind.VLLM else 0
    defaults = _defaults(engine, gpus)
    lanes = parse_lanes(flags.lanes or defaults.lanes, {"short": flags.workers_short, "long": flags.workers_long})
    model, served = await _model(engine, flags)
    vllm = engine is EngineKind.VLLM
    if flags.shared_engine:
        _check_shared(flags, len(lanes))
    most = (
        1
        if flags.shared_engine
        else flags.max_replicas or max(defaults.max_replicas, gpus // len(lanes), *(lane.workers for lane in lanes))
    )
    engines = 1 if flags.shared_engine else most * len(lanes)
    return StackOptions(
        engine=engine,
        model=model,
        served_model=served,
        lanes=lanes,
        data_dir=flags.data_dir,
        max_replicas=most,
        port=flags.port,
        engine_url=flags.engine_url,
        engine_command=_command(flags.engine_command) if vllm else "",
        engine_args=_engine_args(flags, defaults, engines, gpus) if vllm else "",
        engine_env=_engine_env(defaults, engines, gpus) if vllm else (),
        gpus=gpus if vllm and flags.engine_args is None else 0,
        sim_profile=flags.sim_profile,
        sim_speed=flags.sim_speed,
        autoscaler=flags.autoscaler,
        shared_engine=flags.shared_engine,
    )


def _check_shared(flags: StackFlags, lanes: int) -> None:
    if lanes == 1:
        raise UsageError("--shared-engine needs two lanes, as in --lanes short:1024,long")
    if max(flags.workers_short, flags.workers_long, flags.max_replicas or 1) > 1:
        raise UsageError("--shared-engine runs one worker: leave out --workers-short, --workers-long, --max-replicas")


def memory_share(engines: int, gpus: int) -> float:
    """Part of a GPU's memory that each engine may take when `engines` share `gpus`."""
    return math.floor(90 / math.ceil(engines / gpus)) / 100


def _defaults(engine: EngineKind, gpus: int) -> EngineDefaults:
    if engine is EngineKind.VLLM:
        return local_defaults.GPU if gpus else local_defaults.CPU
    return local_defaults.SIM if engine is EngineKind.SIM else local_defaults.URL


async def _model(engine: EngineKind, flags: StackFlags) -> tuple[str, str]:
    if engine is EngineKind.SIM:
        return "", flags.model or local_defaults.SIM_MODEL
    if engine is EngineKind.URL:
        model = flags.model or await first_model(flags.engine_url)
        return model, model
    return _vllm_model(flags.model or local_defaults.MODEL_DIR)


def _vllm_model(model: str) -> tuple[str, str]:
    if Path(model).is_dir():
        return str(Path(model).absolute()), Path(model).absolute().name
    if model.startswith((".", "/")):
        raise UsageError(f"no model in {model}: name a directory or a hub model with --model, or use --engine sim")
    return model, model


async def first_model(url: str, api_key: str = "") -> str:
    """The first model that an OpenAI-compatible server lists."""
    timeout, headers = aiohttp.ClientTimeout(total=10), {"Authorization": f"Bearer {api_key}"}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as http,
            http.get(f"{url.rstrip('/')}/v1/models", raise_for_status=True) as response,
        ):
            return str((await response.json())["data"][0]["id"])
    except aiohttp.ClientResponseError as error:
        raise UsageError(f"{url}/v1/models answers {error.status} {error.message}") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UsageError(f"no server answers at {url}: {str(error) or type(error).__name__}") from None
    except (ValueError, LookupError, TypeError):
        raise UsageError(f"{url}/v1/models lists no model") from None


def _command(command: str) -> str:
    return machine.find_program(command, "name it with --engine-command, or use --engine sim")


def _engine_args(flags: StackFlags, defaults: EngineDefaults, engines: int, gpus: int) -> str:
    if flags.engine_args is not None:
        return flags.engine_args
    return f"--gpu-memory-utilization {memory_share(engines, gpus)}" if gpus else defaults.engine_args


def _engine_env(defaults: EngineDefaults, engines: int, gpus: int) -> tuple[tuple[str, str], ...]:
    threads = {} if gpus else {"OMP_NUM_THREADS": str(max(1, machine.cpu_count() // engines))}
    return tuple({**defaults.env, **threads}.items())
