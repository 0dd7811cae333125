"""What a boundary is computed from: the traffic, the lanes, and the rules."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Slice(NamedTuple):
    """Requests of up to `upper` counted tokens, and more than the slice before: their weight, and weighted sums of
    prompt, output and squared prompt tokens."""

    upper: int
    weight: float
    prompt_tokens: float
    output_tokens: float
    prompt_squares: float

    def times(self, factor: float) -> "Slice":
        """So many times the requests."""
        return Slice(self.upper, *(value * factor for value in self[1:]))


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests a second, and their lengths as slices that ascend."""

    rate: float
    slices: tuple[Slice, ...]

    @property
    def weight(self) -> float:
        """Observations that count."""
        return sum(part.weight for part in self.slices)

    def share_below(self, tokens: int) -> float:
        """Share of the requests that count up to `tokens`."""
        return sum(part.weight for part in self.slices if part.upper <= tokens) / (self.weight or 1.0)

    @property
    def is_uniform(self) -> bool:
        """Nine of ten requests have lengths within an octave."""
        total = self.weight
        return any(
            sum(other.weight for other in self.slices[first:] if other.upper <= 2 * part.upper) >= 0.9 * total
            for first, part in enumerate(self.slices)
        )


@dataclass(frozen=True, slots=True)
class LaneCapacity:
    """A lane, and what it can do. `replicas` that work; `tokens_per_s`: prompt and output tokens together that one of
    them computes, at most; `max_model_len`: the longest request that its engines hold, in tokens; `elastic`: its idle
    workers take what waits in other lanes and fits; `pressure`: tokens that came to it for each that it finished
    lately, more than 1 where it falls behind. Raises ValueError where a number makes no sense."""

    name: str
    replicas: int
    tokens_per_s: float
    max_model_len: int
    elastic: bool = False
    pressure: float = 1.0

    def __post_init__(self) -> None:
        if self.replicas < 0 or not self.tokens_per_s > 0 or self.max_model_len < 1 or not self.pressure > 0:
            raise ValueError(f"lane {self.name}: replicas, tokens_per_s and max_model_len cannot be {self}")


@dataclass(frozen=True, slots=True)
class BoundarySettings:
    """How boundaries follow the traffic. Times in seconds.

    Judged by: `quantile` of the time to first token of requests of up to `short_tokens` tokens in all. `output_weight`:
    prompt tokens that an output token counts for. Bounds: `least_tokens`, `most_tokens`; above the utilisation `full` a
    lane counts as overloaded. Of the boundaries that are within `tolerance` times the best, the nearest to
    `short_tokens` is wanted.

    Changed where the present one is `hysteresis` times worse; where the wanted one is further away from `short_tokens`,
    `bet` times: it rests on the traffic staying as it is. That must have been so for `confirm_s`, with a lane
    overloaded `confirm_full_s`. `interval_s`: least time between two changes. With less than `least_observations`
    nothing changes.

    `may_collapse`: a single lane may be used, where it is at most `pays` times worse than several, `pays_if_uniform`
    where nine of ten requests have lengths within an octave, and has been for `confirm_one_s`; `scales_to_zero`: lanes
    that get nothing give their machines back, so that lanes which are not elastic may collapse, too.
    """

    short_tokens: int = 4096
    quantile: float = 0.99
    least_tokens: int = 512
    most_tokens: int = 1 << 20
    full: float = 0.85
    tolerance: float = 1.25
    hysteresis: float = 1.25
    bet: float = 3.0
    confirm_s: float = 20.0
    confirm_full_s: float = 10.0
    confirm_one_s: float = 1_800.0
    interval_s: float = 300.0
    least_observations: float = 200.0
    output_weight: float = 1.0
    pays: float = 1.1
    pays_if_uniform: float = 1.5
    may_collapse: bool = True
    scales_to_zero: bool = False


class LaneUpper(NamedTuple):
    """A lane in use and the most tokens that it is for. None: as many as its engines hold."""

    lane: str
    upper: int | None


Uppers = tuple[LaneUpper, ...]


@dataclass(frozen=True, slots=True)
class Current:
    """Where the lanes divide now, shortest first. `decided_s`: when that was decided; None: never, it is configured.
    `wrong_since_s`: since when something else would be better; `alone_since_s`: since when one lane would be enough;
    None: that is not so."""

    uppers: Uppers
    decided_s: float | None = None
    wrong_since_s: float | None = None
    alone_since_s: float | None = None


class LaneOutlook(NamedTuple):
    """A lane under a division: its shares of the requests and of the work (0..1), its utilisation (1: all that it can
    do), and the mean wait for a first token in seconds (inf where it is overloaded)."""

    lane: str
    share: float
    work: float
    utilisation: float
    wait_s: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of a division. `short_ttft_s`: the quantile of the time to first token of short requests;
    `utilisation`: of the fullest lane."""

    uppers: Uppers
    lanes: tuple[LaneOutlook, ...]
    short_ttft_s: float
    utilisation: float

    @property
    def boundary(self) -> int | None:
        """Where the first two lanes divide; None where there is one."""
        return self.uppers[0].upper if len(self.uppers) > 1 else None


@dataclass(frozen=True, slots=True)
class BoundaryDecision:
    """Where the lanes divide from now on, and why. `changed`: not where they did. `current` belongs into the next call.
    `gain`: expected time to first token of short requests before over after; 1 where nothing changes."""

    uppers: Uppers
    reason: str
    changed: bool
    current: Current
    gain: float = 1.0
    outlook: Outlook | None = None

    @property
    def collapsed(self) -> bool:
        """A single lane takes everything."""
        return len(self.uppers) == 1


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The division that the traffic asks for, without regard to the present one. `curve`: what is expected of each
    boundary that was looked at, ascending (two lanes; of more, the first boundary with the others in place);
    `single`: of one lane that takes everything, None where no engine holds everything."""

    decision: BoundaryDecision
    curve: tuple[Outlook, ...] = field(default=())
    single: Outlook | None = None
