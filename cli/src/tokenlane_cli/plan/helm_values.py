"""Values of helm/tokenlane for one option of a plan. Needs the extra `plan`.

What the chart cannot say is said in comments above the values.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from tokenlane_cli.errors import UsageError
from tokenlane_cli.figures import plain
from tokenlane_cli.plan import wording
from tokenlane_cli.plan.answer import Answer
from tokenlane_fleet.plan.report import Option, PoolPlan

# Of the pod, a GPU: processes that feed it, weights on their way to it. An estimate, told so in the file.
_CPUS_PER_GPU = 4
_MEMORY_GIB_PER_GPU = 32
_SHM_GIB_PER_GPU = 1
# The lanes that the chart names, and those that worker images are built for.
_CHART_LANES = ("short", "long")
_BOUNDED = "short"
# The chart takes no more.
_MOST_OVERCOMMIT = 10.0
_PUSHED = ("paper", "defaults", "one-push")
_BY_DEADLINE = ("one-deadline", "elastic")
_STEALING = ("elastic",)


def choose(answer: Answer, key: str) -> Option:
    """The option of that key, the recommended one where it is empty. Raises UsageError."""
    wanted = key or answer.report.best
    if wanted is None:
        raise UsageError(
            "--helm-values: nothing keeps the objectives, so there is nothing to write values for; --option chooses one"
        )
    found = next((option for option in answer.report.options if option.key == wanted), None)
    if found is None:
        keys = ", ".join(option.key for option in answer.report.options)
        raise UsageError(f"--option: there is no {wanted!r}; there are: {keys}")
    return found


def helm_values(answer: Answer, option: Option) -> str:
    """A values file."""
    comments = "".join(f"# {line}\n" for line in _comments(answer, option))
    return comments + yaml.safe_dump(_values(answer, option), sort_keys=False, width=120, default_flow_style=False)


def _values(answer: Answer, option: Option) -> dict[str, Any]:
    lanes = _named(option.pools)
    unused: dict[str, Any] = {name: None for name in _CHART_LANES if name not in lanes}
    return {
        "autoscaler": {"minReplicas": 1, "maxReplicas": max(pool.replicas for pool in option.pools)},
        "worker": {
            "engine": {"kind": "vllm", "model": plain(answer.serve_model)},
            "resources": _resources(answer.report.gpu, answer.report.tensor_parallel),
            "shmSize": f"{_SHM_GIB_PER_GPU * answer.report.tensor_parallel}Gi",
        },
        "lanes": {name: _lane(name, pool) for name, pool in lanes.items()} | unused,
    }


def _named(pools: tuple[PoolPlan, ...]) -> dict[str, PoolPlan]:
    """One pool is the lane `short`, without a bound; of several the first is `short` and the last `long`."""
    names = ["short", *(pool.name for pool in pools[1:-1]), "long"]
    return dict(zip(names, pools, strict=False))


def _lane(name: str, pool: PoolPlan) -> dict[str, Any]:
    engine = {"kvOvercommit": min(pool.kv_overcommit, _MOST_OVERCOMMIT), "args": list(pool.engine_flags)}
    lane = {"replicas": pool.replicas, "engine": engine}
    if pool.up_to_tokens is None and name != _BOUNDED:
        return lane
    # None takes the chart's own bound away.
    return {"upToTokens": pool.up_to_tokens} | lane


def _resources(gpu: str, gpus: int) -> dict[str, Any]:
    name = "amd.com/gpu" if gpu.lower().startswith("mi") else "nvidia.com/gpu"
    memory = f"{_MEMORY_GIB_PER_GPU * gpus}Gi"
    return {
        "requests": {"cpu": str(_CPUS_PER_GPU * gpus), "memory": memory, name: gpus},
        "limits": {"memory": memory, name: gpus},
    }


def _comments(answer: Answer, option: Option) -> Iterator[str]:
    yield f"{plain(option.title)}: {wording.lanes(option)}, {option.gpus} GPUs. Made by:".replace("\n", " ")
    yield f"  {plain(answer.command)}".replace("\n", " ")
    if not option.meets_slo:
        yield "This fleet does NOT keep the objectives in the simulation."
    yield "CPU, memory and shmSize are estimates. Nothing in the chart acts on the autoscaler's figures yet."
    yield from gaps(option)


def gaps(option: Option) -> tuple[str, ...]:
    """What was simulated and tokenlane's workers, which pull first come first served by KV credit, do not do."""
    caps = any(pool.prefill_cap for pool in option.pools)
    known = (
        (
            option.key in _PUSHED,
            "a router sends each request to a replica at once, where it waits; tokenlane's workers pull",
        ),
        (option.key in _BY_DEADLINE, "queues go by deadline; tokenlane's go by arrival"),
        (option.key in _STEALING, "idle workers serve another lane; tokenlane's keep to their own"),
        (caps, "workers also stop pulling at so many prompt tokens to compute; tokenlane's go by KV credit alone"),
    )
    told = tuple(f"Simulated otherwise than it would run: {gap}." for applies, gap in known if applies)
    if len(option.pools) > len(_CHART_LANES):
        told += ("Worker images are built for the lanes short and long; those between need their own.",)
    return told
