"""What runs now, and what is recommended, as fleets to simulate. Needs numpy and numba."""

from tokenlane_cli.figures import count
from tokenlane_cli.tune.present import LaneNow, Present
from tokenlane_cli.tune.report import Advice
from tokenlane_cli.tune.simulator import LaneSetup, Setup
from tokenlane_fleet.hardware.engine_settings import engine_settings
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.hardware.lookup import GPUS
from tokenlane_fleet.limits import SchedulerLimits

# max_num_seqs and max_num_batched_tokens of the worker images' lanes, where neither the bus says what engines have nor
# model and GPU are known.
_IMAGES = {"short": (128, 1024), "long": (64, 4096)}


def setup_now(present: Present, hardware: Hardware) -> Setup:
    """Raises LimitsError."""
    lanes = tuple(LaneSetup(lane.name, lane.up_to_tokens, limits_now(lane, hardware)) for lane in present.lanes)
    return Setup("as now", lanes, is_elastic(present))


def setup_of(title: str, advice: Advice, present: Present, hardware: Hardware) -> Setup:
    """With the advised engines, or with those that the lanes have. Raises LimitsError."""
    now = {lane.name: lane for lane in present.lanes}
    lanes = tuple(
        LaneSetup(
            lane.name,
            lane.up_to_tokens,
            lane.engine.limits(hardware)
            if lane.engine is not None and advice.new_engines
            else limits_now(now.get(lane.name, present.lanes[-1]), hardware),
        )
        for lane in advice.lanes
    )
    return Setup(title, lanes, is_elastic(present))


def limits_now(lane: LaneNow, hardware: Hardware) -> SchedulerLimits:
    """The lane's engine on this hardware. What the bus does not say is what a worker chooses. Raises LimitsError."""
    own = engine_settings(hardware)
    seqs, tokens = own.max_num_seqs.value, own.max_num_batched_tokens.value
    if hardware.gpu not in GPUS:
        seqs, tokens = _IMAGES.get(lane.name, (hardware.default_max_num_seqs, hardware.default_max_num_batched_tokens))
    seqs, tokens = lane.max_num_seqs or seqs, lane.max_num_batched_tokens or tokens
    # Whoever sets the step's tokens sets, or leaves out, the cut of long prompts too.
    cut = own.long_prefill_token_threshold.value if tokens == own.max_num_batched_tokens.value else 0
    length = min(lane.max_model_len or hardware.max_model_len, hardware.max_model_len)
    return hardware.limits(length, seqs, max(seqs, tokens), cut)


def is_elastic(present: Present) -> bool:
    """Whether idle workers help the other lanes."""
    return all(lane.elastic for lane in present.lanes)


def named(advice: Advice) -> str:
    """boundary 1,024; one lane."""
    uppers = [count(lane.up_to_tokens) for lane in advice.lanes[:-1]]
    if not uppers:
        return "one lane"
    return f"{'boundary' if len(uppers) == 1 else 'boundaries'} {' and '.join(uppers)}"
