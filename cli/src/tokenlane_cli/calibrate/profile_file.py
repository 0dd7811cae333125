"""The file that `tokenlane calibrate` writes and `plan` and `size` read: JSON, with its version in it.

Seconds and tokens throughout. What a reader does not know in it is ignored; what it needs is checked.
"""

from pathlib import Path
from typing import Annotated

import msgspec

from tokenlane_cli.errors import UsageError
from tokenlane_fleet import StepCost
from tokenlane_fleet.hardware.hardware import Hardware

VERSION = 1

Positive = Annotated[int, msgspec.Meta(ge=1)]
Amount = Annotated[float, msgspec.Meta(ge=0)]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """StepCost, by its names."""

    overhead_s: Amount
    weights_s: Amount
    per_token_s: Amount
    per_sequence_s: Amount
    per_context_token_s: Amount
    per_attention_pair_s: Amount


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement, the median of `times`: a step of `streams` sequences that decode on `context` tokens each, or
    the first token of one prompt of `context` tokens (`kind` "prefill")."""

    kind: str
    streams: int
    context: int
    times: int
    seconds: float
    fitted_s: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Relative errors of the fit at the points, and the share of variance it explains."""

    median: float
    p95: float
    r_squared: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """How it came about. `date` is ISO 8601; `load_s` the most that the load could take; `request_s` what a request
    takes beside the engine's steps."""

    date: str
    engine: str
    load_s: float
    conditions: tuple[str, ...]
    request_s: Amount
    residuals: Quality
    points: tuple[Point, ...]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """`kv_tokens` are usable ones; the limits of the batch are what the engine was started with."""

    tokenlane_profile: int
    model: str
    gpu: str
    tensor_parallel: Positive
    price_per_gpu_hour: Amount
    kv_tokens: Positive
    block_size: Positive
    max_model_len: Positive
    max_num_seqs: Positive
    max_num_batched_tokens: Positive
    step_cost: Terms
    measured: Measured


class _Head(msgspec.Struct, frozen=True):
    tokenlane_profile: int


def write_profile(path: Path, profile: Profile) -> None:
    """Raises UsageError where it cannot."""
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None


def check_writable(path: Path) -> None:
    """Before the work rather than after it. Raises UsageError."""
    if path.is_dir():
        raise UsageError(f"{path}: is a directory")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"{path}: there is no directory {path.parent}")


def load_profile(path: Path) -> Profile:
    """Raises UsageError with one line: what is wrong, and where in the file."""
    try:
        content = path.read_bytes()
        version = msgspec.json.decode(content, type=_Head).tokenlane_profile
        if version != VERSION:
            raise UsageError(f"{path}: a profile of version {version}; this tokenlane reads version {VERSION}")
        return msgspec.json.decode(content, type=Profile)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no profile of `tokenlane calibrate`: {error}") from None


def read_profile(path: Path) -> Hardware:
    """The engine that was measured, for `size` and `plan`. Raises UsageError."""
    profile = load_profile(path)
    terms = profile.step_cost
    return Hardware(
        model=profile.model,
        gpu=profile.gpu,
        tensor_parallel=profile.tensor_parallel,
        cost=StepCost(
            overhead_s=terms.overhead_s,
            weights_s=terms.weights_s,
            per_token_s=terms.per_token_s,
            per_sequence_s=terms.per_sequence_s,
            per_context_token_s=terms.per_context_token_s,
            per_attention_pair_s=terms.per_attention_pair_s,
        ),
        kv_tokens=profile.kv_tokens,
        block_size=profile.block_size,
        max_model_len=profile.max_model_len,
        default_max_num_seqs=profile.max_num_seqs,
        default_max_num_batched_tokens=profile.max_num_batched_tokens,
        price_per_gpu_hour=profile.price_per_gpu_hour,
        step_time=f"measured {profile.measured.date[:10]} on {profile.measured.engine}",
        repo=profile.model,
    )
