"""Reads the trace and the hardware, and has the planner answer. Needs the extra `plan`, so it is imported late."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from tokenlane_cli.calibrate.profile_file import read_profile
from tokenlane_cli.errors import UsageError
from tokenlane_cli.plan.answer import Answer
from tokenlane_cli.plan.display import Stage, Tell
from tokenlane_cli.plan.question import Objectives, Question
from tokenlane_cli.traces.load import load
from tokenlane_fleet.errors import FleetError
from tokenlane_fleet.hardware.hardware import Hardware, derive
from tokenlane_fleet.plan.planner import plan
from tokenlane_fleet.plan.settings import PlanSettings, Progress
from tokenlane_fleet.sim.fleet import Fleet, Pool, Pull
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.slo import ClassLimits, Slo
from tokenlane_fleet.sim.trace import Trace


def ask(question: Question, command: str, tell: Tell) -> Answer:
    """The plan. Raises UsageError for a trace, a profile or a setting that cannot be."""
    try:
        hardware = _hardware(question)
        objectives = slo(question.objectives)
        settings = _settings(question)
        loaded = load(
            question.trace,
            limit=question.limit,
            rate=question.rate,
            seed=question.seed,
            on_progress=lambda read, size: tell(Stage("reading the trace", read, size or 0)),
        )
        tell(Stage("compiling the simulator"))
        _compile(hardware)
        with ThreadPoolExecutor(question.jobs) as executor:
            report = plan(
                loaded.trace,
                hardware,
                objectives,
                settings,
                note="; ".join(loaded.notes),
                progress=lambda progress: tell(_stage(progress)),
                executor=executor,
            )
    except FleetError as error:
        raise UsageError(str(error)) from None
    return Answer(report, hardware.repo or hardware.model, tuple(each.ttft_s for each in objectives.classes), command)


def slo(wanted: Objectives) -> Slo:
    """The limits as the simulator reads them."""
    if not wanted.class_boundary:
        return Slo((ClassLimits("all", None, wanted.ttft_s, wanted.tpot_s),), wanted.attainment)
    short = ClassLimits("short", wanted.class_boundary, wanted.ttft_s, wanted.tpot_s)
    long = ClassLimits("long", None, wanted.long_ttft_s, wanted.long_tpot_s)
    if wanted.prompt_rate:
        long = replace(long, ttft_offset_s=wanted.ttft_s, prompt_tokens_per_s=wanted.prompt_rate)
    return Slo((short, long), wanted.attainment)


def _compile(hardware: Hardware) -> None:
    """The first simulation on a machine compiles; later ones find what it left."""
    trace = Trace("", np.zeros(1), np.ones(1, dtype=np.int64), np.ones(1, dtype=np.int64))
    limits = hardware.limits(
        hardware.max_model_len, hardware.default_max_num_seqs, hardware.default_max_num_batched_tokens
    )
    simulate(trace, Fleet((Pool("", limits, hardware.cost, 1),), Pull()))


def _hardware(question: Question) -> Hardware:
    if question.profile is not None:
        return read_profile(question.profile)
    return derive(question.model, question.gpu, question.tensor_parallel, linear=question.linear)


def _settings(question: Question) -> PlanSettings:
    settings = PlanSettings(
        budgets=str(question.budgets),
        seed=question.seed,
        max_lanes=question.max_lanes,
        price_per_gpu_hour=question.price,
    )
    most = question.max_replicas
    # Each lane needs a replica.
    return settings if most is None else replace(settings, max_replicas=most, max_lanes=min(most, question.max_lanes))


def _stage(progress: Progress) -> Stage:
    return Stage(progress.stage, progress.done, progress.expected, progress.simulations)
