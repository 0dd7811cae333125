"""The profile file: written, read, and refused with one line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tokenlane_cli.calibrate.profile_file import (
    VERSION,
    Measured,
    Point,
    Profile,
    Quality,
    Terms,
    check_writable,
    load_profile,
    read_profile,
    write_profile,
)
from tokenlane_cli.errors import UsageError
from tokenlane_fleet import StepCost

PROFILE = Profile(
    tokenlane_profile=VERSION,
    model="org/model",
    gpu="a100",
    tensor_parallel=2,
    price_per_gpu_hour=2.5,
    kv_tokens=65_536,
    block_size=16,
    max_model_len=8192,
    max_num_seqs=256,
    max_num_batched_tokens=2048,
    step_cost=Terms(
        overhead_s=0.002,
        weights_s=0.01,
        per_token_s=3e-5,
        per_sequence_s=1e-5,
        per_context_token_s=1e-7,
        per_attention_pair_s=1e-9,
    ),
    measured=Measured(
        date="2026-01-02T03:04:05+00:00",
        engine="vLLM 0.32.0",
        load_s=60,
        conditions=("alone",),
        request_s=0.003,
        residuals=Quality(median=0.01, p95=0.04, r_squared=0.999),
        points=(Point(kind="decode", streams=4, context=100, times=3, seconds=0.0121, fitted_s=0.012),),
    ),
)


def changed(path: Path, **changes: Any) -> Path:
    write_profile(path, PROFILE)
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    return path


def test_a_profile_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    write_profile(path, PROFILE)
    assert load_profile(path) == PROFILE


def test_a_profile_is_hardware_for_a_plan(tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    write_profile(path, PROFILE)
    hardware = read_profile(path)
    assert hardware.cost == StepCost(0.002, 0.01, 3e-5, 1e-5, 1e-7, 1e-9)
    assert (hardware.model, hardware.gpu, hardware.tensor_parallel) == ("org/model", "a100", 2)
    assert (hardware.kv_tokens, hardware.block_size, hardware.max_model_len) == (65_536, 16, 8192)
    assert (hardware.default_max_num_seqs, hardware.default_max_num_batched_tokens) == (256, 2048)
    assert hardware.price_per_gpu_hour == 2.5
    assert hardware.step_time == "measured 2026-01-02 on vLLM 0.32.0"
    assert hardware.limits(8192, 64, 2048).kv_capacity_tokens == 65_536


def test_what_is_not_known_is_ignored(tmp_path: Path) -> None:
    assert load_profile(changed(tmp_path / "profile.json", colour="blue")) == PROFILE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokenlane_profile": 2}, "a profile of version 2; this tokenlane reads version 1"),
        ({"tokenlane_profile": None}, "missing required field `tokenlane_profile`"),
        ({"kv_tokens": 0}, r"`int` >= 1 - at `\$.kv_tokens`"),
        ({"kv_tokens": "many"}, r"Expected `int`, got `str` - at `\$.kv_tokens`"),
        ({"step_cost": {}}, "missing required field `overhead_s`"),
        ({"block_size": None}, "missing required field `block_size`"),
    ],
)
def test_a_malformed_profile_is_one_line(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    path = changed(tmp_path / "profile.json", **changes)
    with pytest.raises(UsageError, match=said) as caught:
        read_profile(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b"\xff\xfe", b'{"tokenlane_profile": 1}'])
def test_no_profile_at_all_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "profile.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="no profile of `tokenlane calibrate`"):
        read_profile(path)


def test_a_negative_term_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path / "profile.json")
    path.write_text(path.read_text().replace("0.002", "-0.002"))
    with pytest.raises(UsageError, match=r"step_cost\.overhead_s"):
        read_profile(path)


def test_a_place_that_cannot_be_written_is_named_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        check_writable(tmp_path)
    with pytest.raises(UsageError, match="there is no directory"):
        check_writable(tmp_path / "missing" / "profile.json")
    with pytest.raises(UsageError, match="No such file"):
        read_profile(tmp_path / "missing.json")
