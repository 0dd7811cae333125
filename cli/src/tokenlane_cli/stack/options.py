"""What `tokenlane up` was asked for, checked. Raises UsageError for what cannot be."""

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from tokenlane_cli.errors import UsageError
from tokenlane_proto.subjects import is_token


class EngineKind(StrEnum):
    """What answers behind the workers."""

    VLLM = "vllm"
    SIM = "sim"
    URL = "url"


@dataclass(frozen=True, slots=True)
class LaneOption:
    """A lane and the workers it starts with. `boundary`: most tokens (prompt + output) it takes, None for all."""

    name: str
    boundary: int | None
    workers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StackOptions:
    """The local stack to run. `model` is what the engine loads, `served_model` what clients write. `port` 0: any free
    one, None: the usual one or, if that is taken, any free one. `shared_engine`: one worker serves all lanes. `gpus`:
    how many to spread the workers over."""

    engine: EngineKind
    model: str
    served_model: str
    lanes: tuple[LaneOption, ...]
    data_dir: Path
    max_replicas: int
    port: int | None = None
    engine_url: str = ""
    engine_command: str = ""
    engine_args: str = ""
    engine_env: tuple[tuple[str, str], ...] = ()
    gpus: int = 0
    sim_profile: str = ""
    sim_speed: float | None = None
    autoscaler: bool = True
    shared_engine: bool = False

    @property
    def staffed(self) -> tuple[LaneOption, ...]:
        """The lanes that have workers of their own."""
        return (replace(self.lanes[0], workers=1),) if self.shared_engine else self.lanes

    @property
    def lanes_setting(self) -> str:
        """The classifier's TOKENLANE_LANES."""
        return ",".join(lane.name if lane.boundary is None else f"{lane.name}:{lane.boundary}" for lane in self.lanes)


def parse_lanes(text: str, workers: dict[str, int]) -> tuple[LaneOption, ...]:
    """Lanes of "short:1024,long": rising boundaries in tokens, none on the last."""
    parts = [part.strip() for part in text.split(",")]
    lanes = tuple(_parse_lane(part, workers) for part in parts)
    boundaries = [lane.boundary for lane in lanes]
    if boundaries[-1] is not None or None in boundaries[:-1]:
        raise UsageError(f"--lanes {text!r}: every lane but the last needs a boundary, as in short:1024,long")
    rising = [boundary for boundary in boundaries if boundary is not None]
    if rising != sorted(set(rising)):
        raise UsageError(f"--lanes {text!r}: boundaries must rise")
    if len({lane.name for lane in lanes}) != len(lanes):
        raise UsageError(f"--lanes {text!r}: a lane is named twice")
    return lanes


def _parse_lane(part: str, workers: dict[str, int]) -> LaneOption:
    name, separator, boundary = part.partition(":")
    if not is_token(name):
        raise UsageError(f"--lanes: {name!r} is not a lane's name")
    if name not in workers:
        raise UsageError(f"--lanes: there is no worker for lane {name!r}; lanes are {', '.join(workers)}")
    if not separator:
        return LaneOption(name, None, workers[name])
    if not boundary.isdecimal() or int(boundary) < 1:
        raise UsageError(f"--lanes: the boundary of {name!r} must be a number of tokens, not {boundary!r}")
    return LaneOption(name, int(boundary), workers[name])
