"""A pure model of an LLM engine, usable under any clock.

`Scheduler` decides, step by step, as vLLM V1 does: which sequences run, which wait, which are preempted. `StepCost`
says how long a step takes. Nothing here reads a clock, the environment or a socket: the caller advances the time, be
it the event loop of a simulated engine or the virtual clock of a planner.
"""

from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.errors import FleetError, LimitsError, RequestError, UnknownProfileError
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.outcome import Batch, StepOutcome, Totals
from tokenlane_fleet.profiles import PROFILES, Profile, find_profile
from tokenlane_fleet.request import Request
from tokenlane_fleet.scheduler import Scheduler

__all__ = [
    "PROFILES",
    "Batch",
    "FleetError",
    "LimitsError",
    "Profile",
    "Request",
    "RequestError",
    "Scheduler",
    "SchedulerLimits",
    "StepCost",
    "StepOutcome",
    "Totals",
    "UnknownProfileError",
    "find_profile",
]
