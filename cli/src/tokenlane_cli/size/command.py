"""`tokenlane size`."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from tokenlane_cli import flags
from tokenlane_cli.errors import UsageError
from tokenlane_cli.size.describe import notes
from tokenlane_cli.size.listing import known, known_lines
from tokenlane_cli.size.model_files import named_model
from tokenlane_cli.size.sizing import Lengths, Size, cut, size
from tokenlane_cli.size.table import size_lines
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware.defaults import GPU_MEMORY_UTILIZATION
from tokenlane_fleet.hardware.hardware import budget_of, derive
from tokenlane_fleet.hardware.lookup import find_gpu
from tokenlane_fleet.hardware.step_time import step_cost


class KvDtype(StrEnum):
    """Of the KV cache."""

    BF16 = "bf16"
    FP8 = "fp8"


def show_size(
    model: Annotated[
        str, typer.Option(help="Model: a name that --list shows, a hub id, or a directory with a config.json.")
    ] = "",
    gpu: Annotated[str, typer.Option(help="GPU, such as h100. --list shows them.")] = "",
    tp: Annotated[
        int | None, typer.Option(min=1, help="GPUs of the engine.", show_default="fewest that hold a full context")
    ] = None,
    kv_dtype: Annotated[KvDtype, typer.Option(help="Numbers in the KV cache.")] = KvDtype.BF16,
    prompt: Annotated[int, typer.Option(min=1, help="Prompt tokens of the requests that it is for.")] = 2000,
    output: Annotated[int, typer.Option(min=1, help="Output tokens of them.")] = 300,
    max_model_len: Annotated[
        int | None, typer.Option(min=1, help="Longest sequence.", show_default="the model's context")
    ] = None,
    gpu_memory_utilization: Annotated[
        float, typer.Option(help="Share of a GPU's memory that the engine may fill.")
    ] = GPU_MEMORY_UTILIZATION,
    profile: Annotated[
        Path | None, typer.Option(help="An engine as `tokenlane calibrate` measured it, instead of --model and --gpu.")
    ] = None,
    as_json: flags.AsJson = False,
    list_known: Annotated[bool, typer.Option("--list", help="Show the models and GPUs that are known.")] = False,
) -> None:
    """Show what an engine holds: its memory, how many sequences, how long a step takes, and the line that starts it."""
    console = Console()
    if list_known:
        if as_json:
            print(json.dumps(known(), indent=2))
        else:
            for table in known_lines():
                console.print(table)
        return
    lengths = Lengths(prompt, output)
    try:
        if profile is not None:
            found = _measured(profile, lengths, max_model_len, bool(model or gpu or tp))
        else:
            found = _derived(model, gpu, tp, kv_dtype, lengths, max_model_len, gpu_memory_utilization)
    except FleetError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print(json.dumps(asdict(found), indent=2))
    else:
        for line in size_lines(found):
            console.print(line)
        console.print(Text(found.command, style="cyan"), soft_wrap=True)


def _derived(
    model: str,
    gpu: str,
    tp: int | None,
    kv_dtype: KvDtype,
    lengths: Lengths,
    max_model_len: int | None,
    gpu_memory_utilization: float,
) -> Size:
    if not model or not gpu:
        raise UsageError("give --model and --gpu, or --profile; --list shows what is known")
    shape, device = named_model(model), find_gpu(gpu)
    hardware = derive(
        shape,
        device,
        tp,
        kv_dtype=kv_dtype.value,
        gpu_memory_utilization=gpu_memory_utilization,
        max_model_len=max_model_len,
    )
    _check(lengths, hardware.max_model_len)
    gpus = hardware.tensor_parallel
    memory = budget_of(
        shape, device, gpus, kv_dtype=kv_dtype.value, gpu_memory_utilization=gpu_memory_utilization,
        max_model_len=max_model_len,
    )  # fmt: skip
    return size(
        hardware,
        lengths,
        lambda tokens: step_cost(shape, device, gpus, kv_dtype=kv_dtype.value, step_tokens=tokens),
        memory,
        tuple(notes(shape, device, hardware, max_model_len or shape.context)),
    )


def _measured(profile: Path, lengths: Lengths, max_model_len: int | None, more: bool) -> Size:
    if more:
        raise UsageError("--profile says which model and GPU it is: leave out --model, --gpu and --tp")
    # Late: most sizes need no profile.
    from tokenlane_cli.calibrate.profile_file import read_profile

    hardware = cut(read_profile(profile), max_model_len)
    _check(lengths, hardware.max_model_len)
    return size(hardware, lengths, lambda tokens: hardware.cost)


def _check(lengths: Lengths, max_model_len: int) -> None:
    if lengths.total > max_model_len:
        raise UsageError(
            f"a request of {lengths.total:,} tokens is longer than the engine's context of {max_model_len:,}"
        )
