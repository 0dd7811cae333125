"""The strategies that are compared: what each fixes, and where the search for the rest begins."""

from collections.abc import Sequence
from dataclasses import replace

from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Design, Engine, Lane, one_pool
from tokenlane_fleet.plan.moves import SEQUENCES, sharing, startable
from tokenlane_fleet.sim.fleet import Bind, Dispatch, Order, Pull, Push, PushRule, Steal

FEWEST_REQUESTS = Push(PushRule.LEAST_REQUESTS)
LEAST_WORK = Push(PushRule.LEAST_WORK)
FIFO = Pull()
DEADLINE = Pull(order=Order.DEADLINE, bind=Bind.AT_STEP)
STEALING = replace(DEADLINE, steal=Steal.WHEN_IDLE)
# What a worker can do: see `tokenlane_fleet.urgency`.
BY_TURNS = Pull(
    order=Order.DUE,
    late_last=True,
    steal=Steal.MOST_URGENT,
    bind=Bind.LEAST_LOADED,
    whole_prompts=True,
    patience=4.0,
    patience_s=20.0,
    chunked_prefill=True,
)

PAPER_CONTEXT, PAPER_SEQUENCES = 65_536, 16
PAPER_SHORT_CONTEXT, PAPER_SHORT_SEQUENCES = 8192, 128
_START_BUDGETS = (512, 2048, 8192)
_START_CAP = 4096


def paper_pool(hardware: Hardware) -> Design:
    """arXiv 2604.08075's homogeneous baseline: 64K of context, 16 sequences."""
    return one_pool(_plain(hardware, PAPER_CONTEXT, PAPER_SEQUENCES), FEWEST_REQUESTS)


def paper_lanes(hardware: Hardware, boundary: int = PAPER_SHORT_CONTEXT) -> Design:
    """arXiv 2604.08075's two pools: up to `boundary` with 128 sequences, 64K with 16."""
    short = _plain(hardware, max(boundary, PAPER_SHORT_CONTEXT), PAPER_SHORT_SEQUENCES)
    return lanes((boundary,), (short, _plain(hardware, PAPER_CONTEXT, PAPER_SEQUENCES)), FEWEST_REQUESTS)


def vllm_defaults(hardware: Hardware) -> Design:
    """`vllm serve` without flags behind a router that sends to the replica with the fewest requests."""
    return one_pool(_plain(hardware, hardware.max_model_len, hardware.default_max_num_seqs), FEWEST_REQUESTS)


def lanes(boundaries: Sequence[int], engines: Sequence[Engine], dispatch: Dispatch) -> Design:
    """Lanes in the order of their boundaries, one more than these."""
    names = {1: ("all",), 2: ("short", "long"), 3: ("short", "medium", "long")}.get(
        len(engines), tuple(f"lane-{number + 1}" for number in range(len(engines)))
    )
    parts = zip(names, (*boundaries, None), engines, strict=True)
    return Design(tuple(Lane(name, up_to, engine) for name, up_to, engine in parts), dispatch)


def starting_engines(hardware: Hardware, dispatch: Dispatch) -> list[Engine]:
    """Where each search begins: step budgets, whole and half chunks, and fewer sequences or, in deadline order, a cap
    on prefill in flight. As many for each kind of dispatch."""
    found = []
    for tokens in _START_BUDGETS:
        for chunk in (tokens // 2, 0):
            engine = _fitting(hardware, Engine(hardware.max_model_len, 256, tokens, chunk))
            other = (
                replace(engine, prefill_cap=_START_CAP)
                if isinstance(dispatch, Pull) and dispatch.order is Order.DEADLINE
                else replace(engine, max_num_seqs=min(64, engine.max_num_seqs))
            )
            found += [engine, other]
    return list(dict.fromkeys(found))


def stealing(design: Design) -> list[Design]:
    """Lanes whose workers help each other, in deadline order; with each lane's rules of pulling for all."""
    found = [sharing(replace(design, dispatch=STEALING), lane.engine) for lane in design.lanes]
    return list(dict.fromkeys(found))


def _plain(hardware: Hardware, context: int, sequences: int) -> Engine:
    tokens = hardware.default_max_num_batched_tokens
    return _fitting(hardware, Engine(min(context, hardware.max_model_len), min(sequences, tokens), tokens))


def _fitting(hardware: Hardware, engine: Engine) -> Engine:
    """The engine with as many of its sequences as leave room for a full context."""
    if startable(engine, hardware):
        return engine
    fewer = [replace(engine, max_num_seqs=count) for count in reversed(SEQUENCES) if count < engine.max_num_seqs]
    return next((smaller for smaller in fewer if startable(smaller, hardware)), replace(engine, max_num_seqs=1))
