"""How long engines took to the first token, by the length of the prompt, and the step times that follow. Pure."""

from dataclasses import dataclass, field

from tokenlane_cli.record.rows import Row
from tokenlane_cli.tune.tally import Tally

# A quarter of the prompts of like length met an engine that was less busy than this.
_FRACTION = 0.25
_LEAST_OF_A_LENGTH = 20
_LEAST_LENGTHS = 3


@dataclass(frozen=True, slots=True)
class StepTimes:
    """A step takes `step_s`, and `per_token_s` more for each prompt token in it. `streams`: answers they are from."""

    step_s: float
    per_token_s: float
    streams: int


@dataclass(slots=True)
class _Like:
    """Prompts of like length."""

    prompt: Tally = field(default_factory=Tally)
    took_us: Tally = field(default_factory=Tally)


class Prefills:
    """Streamed answers of one model, by half octaves of their prompts."""

    def __init__(self) -> None:
        self._by_length: dict[int, _Like] = {}

    def add(self, row: Row) -> None:
        """One more answer; one that was not streamed or that was moved while it ran says nothing."""
        took = row.first_data_us - row.queue_wait_us
        if not row.first_data_us or took <= 0 or row.moved or not row.input_length:
            return
        bits = row.input_length.bit_length()
        half = bits * 2 + (row.input_length >> max(0, bits - 2) & 1)
        like = self._by_length.setdefault(half, _Like())
        like.prompt.add(row.input_length)
        like.took_us.add(took)

    def step_times(self) -> StepTimes | None:
        """A line through the lower quartiles by length, each weighed by its answers (least squares); None where fewer
        than three lengths have twenty answers, or where time does not grow with length."""
        known = [like for like in self._by_length.values() if like.prompt.count >= _LEAST_OF_A_LENGTH]
        if len(known) < _LEAST_LENGTHS:
            return None
        streams = sum(like.prompt.count for like in known)
        points = [(like.prompt.mean, like.took_us.quantile(_FRACTION) / 1e6, like.prompt.count) for like in known]
        mean_x = sum(x * weight for x, _, weight in points) / streams
        mean_y = sum(y * weight for _, y, weight in points) / streams
        spread = sum(weight * (x - mean_x) ** 2 for x, _, weight in points)
        slope = sum(weight * (x - mean_x) * (y - mean_y) for x, y, weight in points) / spread
        step = mean_y - slope * mean_x
        if slope <= 0:
            return None
        # Where the line meets zero below zero, the shortest prompts say what a step takes.
        shortest = min(points)
        return StepTimes(step if step > 0 else shortest[1], slope, streams)
