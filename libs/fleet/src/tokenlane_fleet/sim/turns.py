"""Whose turn it is in the central queues."""

from tokenlane_fleet.sim.fleet import Order, Steal
from tokenlane_fleet.sim.queue import dequeue, enqueue
from tokenlane_fleet.sim.records import World
from tokenlane_fleet.urgency import due_s, is_late, may_help, patience_s, precedes, prefill_s

NOBODY = -1
# Later than any turn: behind all that are not late, in the same order among themselves.
LATE = 1e12
_FIFO = int(Order.FIFO)
_DEADLINE = int(Order.DEADLINE)
_WHEN_IDLE = int(Steal.WHEN_IDLE)
_MOST_URGENT = int(Steal.MOST_URGENT)
_LONGER = int(Steal.LONGER)


def join(world: World, pool: int, item: int) -> None:
    """A request comes to its lane's queue."""
    enqueue(world, pool, item, first_turn_s(world, pool, item))


def first_turn_s(world: World, pool: int, item: int) -> float:
    """When it comes, what has been moved as well; or what its limit makes of that."""
    sequence = world.sequences[item]
    order = world.rules[0].order
    if order == _FIFO or sequence.moved:
        return float(world.clock[0].now_s)
    due = due_s(sequence.arrival_s, sequence.limit_s)
    return float(due - prefill_of(world, pool, item) if order == _DEADLINE else due)


def prefill_of(world: World, pool: int, item: int) -> float:
    return float(prefill_s(world.sequences[item].total, world.pools[pool].prompt_token_s))


def has_stepped_back(world: World, pool: int) -> bool:
    """The head of a queue whose order is one of limits."""
    return bool(world.queue_keys[pool, 0] > first_turn_s(world, pool, world.queue_items[pool, 0]))


def step_back_if_late(world: World, pool: int) -> None:
    """Give heads that can no longer make their limit a later turn."""
    rules = world.rules[0]
    if not rules.late_last or rules.order == _FIFO:
        return
    while world.pools[pool].queued:
        item = world.queue_items[pool, 0]
        sequence = world.sequences[item]
        due, now = due_s(sequence.arrival_s, sequence.limit_s), world.clock[0].now_s
        later = min(patience_s(sequence.limit_s, rules.patience, rules.patience_s), LATE)
        if sequence.moved or not later > 0 or not is_late(due, prefill_of(world, pool, item), now):
            return
        if has_stepped_back(world, pool):
            return
        dequeue(world, pool)
        enqueue(world, pool, item, first_turn_s(world, pool, item) + later)


def helps(world: World, own: int, other: int) -> bool:
    """Whether workers of a lane take from another one as things are."""
    steal = world.rules[0].steal
    if steal == _WHEN_IDLE:
        return bool(world.pools[own].queued == 0)
    return bool(steal == _MOST_URGENT or (steal == _LONGER and other > own))


def next_of(world: World, replica: int) -> int:
    """The lane whose head a worker should take: NOBODY if none waits that its engine's context holds."""
    own = world.replicas[replica].pool
    best = NOBODY
    if world.pools[own].queued:
        step_back_if_late(world, own)
        best = own
        if world.rules[0].steal == _WHEN_IDLE and not (world.rules[0].late_last and has_stepped_back(world, own)):
            return int(own)
    for other in range(len(world.pools)):
        if other == own or world.pools[other].queued == 0:
            continue
        if not helps(world, own, other) and not (best == own and world.rules[0].steal == _WHEN_IDLE):
            continue
        step_back_if_late(world, other)
        if can_help(world, own, world.queue_items[other, 0]) and (best == NOBODY or head_precedes(world, other, best)):
            best = other
    return int(best)


def can_help(world: World, own: int, item: int) -> bool:
    """Whether engines of a lane hold a request of another one, and may be given a prompt so long."""
    sequence = world.sequences[item]
    held = sequence.budget <= world.pools[own].max_model_len
    return bool(held and may_help(sequence.total, world.rules[0].help_tokens))


def head_precedes(world: World, pool: int, other: int) -> bool:
    return bool(
        precedes(
            world.queue_keys[pool, 0],
            world.queue_items[pool, 0],
            world.queue_keys[other, 0],
            world.queue_items[other, 0],
        )
    )


def next_head(world: World, after: int) -> int:
    """The lane whose head's turn comes next after that of lane `after`'s head (NOBODY: of all); NOBODY if none is."""
    best = NOBODY
    for pool in range(len(world.pools)):
        if pool == after or world.pools[pool].queued == 0:
            continue
        if after != NOBODY and not head_precedes(world, after, pool):
            continue
        if best == NOBODY or head_precedes(world, pool, best):
            best = pool
    return int(best)
