"""Engines to simulate, by name: step costs and vLLM's default limits on that hardware.

All but `laptop-instant` are derived from data sheets, not measured.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import FleetSettingError, UnknownProfileError
from tokenlane_fleet.hardware.hardware import Hardware, derive
from tokenlane_fleet.hardware.lookup import GPUS
from tokenlane_fleet.limits import SchedulerLimits

# As in h100-llama3-70b-tp4.
_NAME = re.compile(
    "(?P<gpu>{})-(?P<model>.+?)(-tp(?P<tensor_parallel>[1-9][0-9]?))?".format(
        "|".join(sorted((name for gpu in GPUS.values() for name in (gpu.key, *gpu.aliases)), key=len, reverse=True))
    )
)


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    cost: StepCost
    limits: SchedulerLimits


def _instant() -> Profile:
    """No time at all: for tests, and for load on everything around the engine. 65,536 tokens of KV."""
    limits = SchedulerLimits(
        num_blocks=4097, block_size=16, max_num_seqs=256, max_num_batched_tokens=8192, max_model_len=32_768
    )
    return Profile("laptop-instant", StepCost(0, 0, 0, 0, 0, 0), limits)


def _of(name: str, hardware: Hardware) -> Profile:
    limits = hardware.limits(
        hardware.max_model_len, hardware.default_max_num_seqs, hardware.default_max_num_batched_tokens
    )
    return Profile(name, hardware.cost, limits)


PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _instant(),
            _of("h100-llama3-8b", derive("llama-3-8b", "h100", 1)),
            _of("h100-llama3-70b-tp4", derive("llama-3-70b", "h100", 4)),
            _of("a100-llama3-70b-tp4", derive("llama-3-70b", "a100", 4)),
        )
    }
)


def find_profile(name: str) -> Profile:
    """One of PROFILES, or `GPU-MODEL` or `GPU-MODEL-tpN` of any device and model that is known. Raises
    UnknownProfileError."""
    profile = PROFILES.get(name)
    if profile is not None:
        return profile
    match = _NAME.fullmatch(name.lower())
    if match is None:
        raise _unknown(name)
    gpus = match["tensor_parallel"]
    try:
        return _of(name, derive(match["model"], match["gpu"], int(gpus) if gpus else None))
    except FleetSettingError as error:
        raise UnknownProfileError(f"profile {name!r}: {error}") from None
    except UnknownProfileError:
        raise _unknown(name) from None


def _unknown(name: str) -> UnknownProfileError:
    known = ", ".join(sorted(PROFILES))
    return UnknownProfileError(f"unknown profile {name!r}; there are: {known}, and others as GPU-MODEL-tpN")
