"""From what was measured to the fitted cost and its points. Pure; needs the packages of the extra `plan`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from tokenlane_cli.calibrate.load import Load
from tokenlane_cli.calibrate.profile_file import VERSION, Measured, Point, Profile, Quality, Terms
from tokenlane_cli.calibrate.session import Engine, Wanted
from tokenlane_cli.calibrate.timing import Timing, batches
from tokenlane_fleet.calibrate.fit import Fitted, fit
from tokenlane_fleet.calibrate.samples import StepSample

# Where the fit is off by more, a plan on it is a guess.
POOR_MEDIAN = 0.10
POOR_P95 = 0.30


@dataclass(frozen=True, slots=True)
class Outcome:
    fitted: Fitted
    points: tuple[Point, ...]

    @property
    def is_poor(self) -> bool:
        return self.fitted.residuals.median > POOR_MEDIAN or self.fitted.residuals.p95 > POOR_P95


def outcome(timings: Sequence[Timing], max_num_batched_tokens: int) -> Outcome:
    """Every load counts once, with the medians of its rounds. Raises CalibrationError where there are too few."""
    by_load: dict[Load, list[Timing]] = {}
    for timing in timings:
        by_load.setdefault(timing.load, []).append(timing)
    medians = [_median(load, rounds) for load, rounds in by_load.items()]
    samples = [_sample(timing, max_num_batched_tokens) for timing in medians]
    fitted = fit(samples)
    points = [
        Point(
            kind="prefill" if timing.load.is_prefill else "decode",
            streams=timing.load.streams,
            context=timing.context,
            times=len(by_load[timing.load]),
            seconds=timing.seconds,
            fitted_s=fitted.seconds(sample),
        )
        for timing, sample in zip(medians, samples, strict=True)
    ]
    return Outcome(fitted, tuple(sorted(points, key=lambda point: (point.kind, point.streams, point.context))))


def _median(load: Load, rounds: Sequence[Timing]) -> Timing:
    context = round(median(timing.context for timing in rounds))
    return Timing(load, context, median(timing.seconds for timing in rounds))


def _sample(timing: Timing, max_num_batched_tokens: int) -> StepSample:
    return StepSample(batches(timing, max_num_batched_tokens), timing.seconds, int(timing.load.is_prefill))


def profile(wanted: Wanted, engine: Engine, found: Outcome, date: str) -> Profile:
    """What is written. `date` is ISO 8601."""
    residuals = found.fitted.residuals
    measured = Measured(
        date=date,
        engine=engine.name,
        load_s=wanted.seconds,
        conditions=(
            f"at most {wanted.streams} requests at once, prompts that no prefix cache knows, nothing else served",
            "decode steps timed between tokens as they reach the client, prefills by the first token of a prompt alone",
        ),
        request_s=found.fitted.request_s,
        residuals=Quality(median=residuals.median, p95=residuals.p95, r_squared=residuals.r_squared),
        points=found.points,
    )
    return Profile(
        tokenlane_profile=VERSION,
        model=engine.model,
        gpu=wanted.gpu,
        tensor_parallel=wanted.tensor_parallel,
        price_per_gpu_hour=wanted.price,
        kv_tokens=engine.kv_tokens,
        block_size=engine.block_size,
        max_model_len=min(engine.max_model_len, engine.kv_tokens),
        max_num_seqs=wanted.max_num_seqs,
        max_num_batched_tokens=wanted.max_num_batched_tokens,
        step_cost=Terms(**asdict(found.fitted.cost)),
        measured=measured,
    )
