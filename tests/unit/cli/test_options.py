"""Flags and what becomes of them on a machine."""

from pathlib import Path

import pytest

from tests.support.vllm import cpu_environment
from tokenlane_cli.errors import UsageError
from tokenlane_cli.stack import machine, resolve
from tokenlane_cli.stack.options import EngineKind, LaneOption, parse_lanes
from tokenlane_cli.stack.resolve import StackFlags

ONE_EACH = {"short": 1, "long": 1}


def test_lanes_with_boundaries() -> None:
    assert parse_lanes("short:1024,long", {"short": 2, "long": 1}) == (
        LaneOption("short", 1024, 2),
        LaneOption("long", None, 1),
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("short,long", "needs a boundary"),
        ("short:10,long:20", "needs a boundary"),
        ("short:0,long", "must be a number of tokens"),
        ("short:many,long", "must be a number of tokens"),
        ("short:10,short", "named twice"),
        ("medium:10,long", "no worker for lane 'medium'"),
        ("", "not a lane's name"),
        ("a b:10,long", "not a lane's name"),
    ],
)
def test_wrong_lanes_are_named(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        parse_lanes(text, ONE_EACH)


async def test_the_simulator_needs_no_model() -> None:
    options = await resolve.resolve(StackFlags(engine=EngineKind.SIM, sim_speed=10))
    assert (options.served_model, options.engine_command, options.lanes_setting) == ("sim", "", "short:1024,long")


async def test_a_model_directory_is_served_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my-model").mkdir()
    command = tmp_path / "vllm"
    command.touch(mode=0o755)
    monkeypatch.setattr(machine, "gpu_count", lambda: 0)
    options = await resolve.resolve(
        StackFlags(engine=EngineKind.VLLM, model=str(tmp_path / "my-model"), engine_command=str(command))
    )
    assert (options.model, options.served_model) == (str(tmp_path / "my-model"), "my-model")
    expected = cpu_environment()
    assert options.engine_args == expected["TOKENLANE_ENGINE_ARGS"]
    assert set(expected) - {"TOKENLANE_ENGINE_ARGS"} == set(dict(options.engine_env))
    assert options.gpus == 0


async def test_gpus_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "vllm"
    command.touch(mode=0o755)
    monkeypatch.setattr(machine, "gpu_count", lambda: 1)
    flags = StackFlags(engine=EngineKind.VLLM, model="org/model", engine_command=str(command))
    options = await resolve.resolve(flags)
    assert options.engine_args == "--gpu-memory-utilization 0.45"
    assert (options.served_model, options.max_replicas) == ("org/model", 1)
    monkeypatch.setattr(machine, "gpu_count", lambda: 8)
    options = await resolve.resolve(flags)
    assert options.engine_args == "--gpu-memory-utilization 0.9"
    assert (options.gpus, options.max_replicas) == (8, 4)


async def test_given_engine_arguments_replace_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "vllm"
    command.touch(mode=0o755)
    monkeypatch.setattr(machine, "gpu_count", lambda: 2)
    options = await resolve.resolve(
        StackFlags(
            engine=EngineKind.VLLM, model="m", engine_command=str(command), engine_args="--tensor-parallel-size 2"
        )
    )
    assert (options.engine_args, options.gpus) == ("--tensor-parallel-size 2", 0)


async def test_a_shared_engine_gets_the_whole_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "vllm"
    command.touch(mode=0o755)
    monkeypatch.setattr(machine, "gpu_count", lambda: 1)
    options = await resolve.resolve(
        StackFlags(engine=EngineKind.VLLM, model="m", engine_command=str(command), shared_engine=True)
    )
    assert [lane.name for lane in options.lanes] == ["short", "long"]
    assert [(lane.name, lane.workers) for lane in options.staffed] == [("short", 1)]
    assert (options.max_replicas, options.engine_args) == (1, "--gpu-memory-utilization 0.9")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (StackFlags(engine=EngineKind.URL), "needs --engine-url"),
        (StackFlags(engine=EngineKind.SIM, shared_engine=True, lanes="long"), "needs two lanes"),
        (StackFlags(engine=EngineKind.SIM, shared_engine=True, workers_long=2), "runs one worker"),
        (StackFlags(engine=EngineKind.VLLM, model="./nowhere"), "no model in ./nowhere"),
        (StackFlags(engine=EngineKind.VLLM, model="m", engine_command="no-such-vllm"), "no-such-vllm was not found"),
        (StackFlags(engine=EngineKind.SIM, engine_url="http://127.0.0.1:1"), "no server answers at"),
    ],
)
async def test_what_cannot_be_is_refused(flags: StackFlags, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        await resolve.resolve(flags)


def test_ports_are_free_and_different() -> None:
    ports = machine.free_ports(5)
    assert len(set(ports)) == 5
    assert all(machine.is_free(port) for port in ports)
