"""Settings of a lane's engines for the requests that come to it, each with its reason. Pure."""

from dataclasses import dataclass

from tokenlane_cli.figures import count, duration
from tokenlane_cli.tune.tally import Tally
from tokenlane_fleet.hardware.engine_settings import Reasoned, chunk_cut, step_budget
from tokenlane_fleet.hardware.hardware import Hardware, engine_flags
from tokenlane_fleet.limits import SchedulerLimits
from tokenlane_fleet.outcome import Batch

_LEAST_SEQS = 8
# Prompts are cut where they would fill more steps than this.
_FEW_STEPS = 4
_LENGTHS_STEP = 1024
_ROOM = 1.25


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """What comes to a lane. Tokens; `boundary` None: the last lane. `total`: prompt and output of each request."""

    name: str
    boundary: int | None
    total: Tally
    elastic: bool = True


@dataclass(frozen=True, slots=True)
class Reason:
    """A setting of vLLM or of the worker, its value, and why."""

    setting: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class EngineAdvice:
    """An engine's settings. `reasons` names all of them in order; `flags` are `vllm serve`'s."""

    max_model_len: int
    max_num_seqs: int
    max_num_batched_tokens: int
    long_prefill_token_threshold: int
    reasons: tuple[Reason, ...]
    flags: tuple[str, ...]

    def limits(self, hardware: Hardware) -> SchedulerLimits:
        """As the simulator takes them. Raises LimitsError."""
        return hardware.limits(
            self.max_model_len, self.max_num_seqs, self.max_num_batched_tokens, self.long_prefill_token_threshold
        )


def advise(load: LaneLoad, hardware: Hardware, tpot_s: float) -> EngineAdvice:
    """Settings with which a running answer gets its next token within `tpot_s` in any step. Raises
    LimitsError where the engine could not start."""
    length, why_length = _length(load, hardware)
    step = step_budget(hardware, tpot_s)
    chunk = step.value
    seqs, why_seqs = _sequences(load, hardware, tpot_s, chunk)
    cut = _threshold(load, hardware, tpot_s, chunk)
    reasons = (
        Reason("max_model_len", str(length), why_length),
        Reason("max_num_seqs", str(seqs), why_seqs),
        Reason("max_num_batched_tokens", str(chunk), step.why),
        Reason("long_prefill_token_threshold", str(cut.value), cut.why),
    )
    flags = engine_flags(hardware, hardware.limits(length, seqs, chunk, cut.value))
    return EngineAdvice(length, seqs, chunk, cut.value, reasons, flags)


def _length(load: LaneLoad, hardware: Hardware) -> tuple[int, str]:
    whole = hardware.max_model_len
    if load.boundary is None:
        return whole, "all that the model and the KV cache hold: this lane takes what no other does"
    if load.elastic:
        return whole, "costs nothing with paged KV, lets its idle workers take long requests, and few outgrow it"
    needed = max(load.boundary, load.total.quantile(0.999))
    length = min(whole, -(-round(needed * _ROOM) // _LENGTHS_STEP) * _LENGTHS_STEP)
    return length, (
        f"strict lanes: 99.9 % of what comes here ends within {count(needed)}, a quarter more for outputs that outgrow "
        "their budget; the rest moves on"
    )


def _sequences(load: LaneLoad, hardware: Hardware, tpot_s: float, chunk: int) -> tuple[int, str]:
    held = max(1, round(load.total.mean))
    by_memory = max(1, hardware.kv_tokens // (held + hardware.state_tokens))
    most = min(by_memory, hardware.default_max_num_seqs, chunk)
    seqs = _round(most)
    while seqs > _LEAST_SEQS and _decode_s(hardware, seqs, held) > tpot_s:
        seqs = _round(seqs - max(_LEAST_SEQS, seqs // 8))
    step = f"a step of {count(seqs)} takes {duration(_decode_s(hardware, seqs, held))}"
    if seqs < _round(most):
        return seqs, f"{step}; more would be over {duration(tpot_s)} a token"
    if most == by_memory:
        return seqs, f"the KV cache of {count(hardware.kv_tokens)} tokens holds so many of {count(held)} on average"
    most_text = f"the step's {count(chunk)} tokens" if most == chunk else "what such engines run by default or now"
    return seqs, f"{step}; the KV cache would hold {count(by_memory)}, {most_text} bound it"


def _decode_s(hardware: Hardware, seqs: int, held: int) -> float:
    return hardware.cost.seconds(Batch(0, seqs, seqs, seqs * held, 0))


def _round(seqs: int) -> int:
    """Down to a multiple of 8 from there on, of 32 from 256 on."""
    step = 32 if seqs >= 256 else 8 if seqs >= _LEAST_SEQS else 1
    return max(1, seqs // step * step)


def _threshold(load: LaneLoad, hardware: Hardware, tpot_s: float, chunk: int) -> Reasoned:
    """Workers cut long prompts on their own; what comes here says whether there are any."""
    longest = load.total.quantile(0.99)
    if longest <= chunk * _FEW_STEPS:
        return Reasoned(0, f"off: 99 % end within {count(longest)} tokens, so no prompt fills many steps")
    cut = chunk_cut(hardware, tpot_s, chunk)
    return Reasoned(cut.value, f"1 % are longer than {count(longest)} tokens; {cut.why}")
