"""The engines that are simulated: by data sheets, as measured, or as the recorded traffic shows them."""

from collections.abc import Sequence
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_cli.figures import count, duration
from tokenlane_cli.tune.prefill import StepTimes
from tokenlane_cli.tune.present import LaneNow
from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware.defaults import BLOCK_SIZE
from tokenlane_fleet.hardware.hardware import Hardware, derive


def check_flags(model: str, gpu: str, tensor_parallel: int | None, profile: Path | None) -> None:
    """Raises UsageError where model and GPU are named by halves or twice."""
    if bool(model) != bool(gpu):
        raise UsageError("--model and --gpu go together: which model on which GPU")
    if profile is not None and (model or gpu or tensor_parallel):
        raise UsageError("--profile says what --model, --gpu and --tp would: leave out one or the other")
    if tensor_parallel and not gpu:
        raise UsageError("--tp needs --model and --gpu")


def named_hardware(model: str, gpu: str, tensor_parallel: int | None, profile: Path | None) -> Hardware | None:
    """What the flags name; None where they name nothing. Raises UsageError."""
    if profile is not None:
        # Late: most reports need no profile.
        from tokenlane_cli.calibrate.profile_file import read_profile

        return read_profile(profile)
    if not gpu:
        return None
    try:
        return derive(model, gpu, tensor_parallel)
    except FleetError as error:
        raise UsageError(str(error)) from None


def observed_hardware(model: str, lanes: Sequence[LaneNow], times: StepTimes | None) -> Hardware | None:
    """The engine of the lane with the longest context, with steps as fitted to recorded first tokens; None where the
    bus does not say what the engines hold, or where too few answers were streamed."""
    known = [lane for lane in lanes if lane.kv_tokens >= lane.max_model_len > 0 and lane.max_num_seqs]
    if times is None or not known:
        return None
    longest = max(known, key=lambda lane: lane.max_model_len)
    return Hardware(
        model=model,
        gpu="GPU of its own",
        tensor_parallel=1,
        cost=StepCost(times.step_s, 0, times.per_token_s, 0, 0, 0),
        kv_tokens=longest.kv_tokens // BLOCK_SIZE * BLOCK_SIZE,
        block_size=BLOCK_SIZE,
        max_model_len=longest.max_model_len,
        default_max_num_seqs=max(lane.max_num_seqs for lane in known),
        default_max_num_batched_tokens=max(2048, longest.max_num_batched_tokens),
        price_per_gpu_hour=0,
        step_time=(
            f"ASSUMED: {duration(times.step_s)} a step and {times.per_token_s * 1e6:.3g} µs a token, the lower "
            f"quartile of {count(times.streams)} recorded first tokens"
        ),
    )
