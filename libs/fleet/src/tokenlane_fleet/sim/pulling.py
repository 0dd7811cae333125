"""Central queues and the workers that pull from them."""

from tokenlane_fleet.sim.clock import set_due
from tokenlane_fleet.sim.fleet import Bind, Order
from tokenlane_fleet.sim.queue import dequeue, enqueue
from tokenlane_fleet.sim.records import NEVER, Phase, World
from tokenlane_fleet.sim.worker import cut_run, give, may_take

_ACTIVE = Phase.ACTIVE
_DEADLINE = int(Order.DEADLINE)
_IN_TURN = int(Bind.IN_TURN)
_AT_STEP = int(Bind.AT_STEP)
# Added to the key of a request that is late: behind all that are not, in the same order among themselves.
LATE = 1e12
NOBODY = -1


def queue_up(world: World, pool: int, item: int) -> None:
    """A request comes to its lane."""
    enqueue(world, pool, item, key_of(world, pool, item))
    if world.rules[0].bind == _AT_STEP:
        wake(world, pool, item)
    else:
        hand_out(world, pool)
        if world.pools[pool].queued == 1:
            cut_runs(world)


def cut_runs(world: World) -> None:
    """Something waits: every worker looks at its next step whether it can have it."""
    for replica in range(len(world.replicas)):
        cut_run(world, replica)


def anything_queued(world: World) -> bool:
    # numba compiles no generators as arguments.
    for pool in range(len(world.pools)):  # noqa: SIM110
        if world.pools[pool].queued:
            return True
    return False


def key_of(world: World, pool: int, item: int) -> float:
    """Arrival first, or the moment by which its prefill must begin."""
    sequence = world.sequences[item]
    if world.rules[0].order != _DEADLINE or sequence.moved:
        return float(world.clock[0].now_s)
    return float(sequence.arrival_s + sequence.limit_s - sequence.total * world.costs[pool].per_token_s)


def hand_out(world: World, pool: int) -> None:
    """Give the queue's head away as long as a worker has room for it: of this lane, else an idle one of another."""
    while world.pools[pool].queued:
        step_back_if_late(world, pool)
        item = world.queue_items[pool, 0]
        replica = taker(world, pool, item)
        if replica == NOBODY and world.rules[0].steal:
            replica = thief(world, pool, item)
        if replica == NOBODY:
            return
        give(world, replica, dequeue(world, pool))


def taker(world: World, pool: int, item: int) -> int:
    """A worker of `pool` with room: the next in turn, or the one with the fewest budget tokens."""
    here = world.pools[pool]
    count = here.end - here.first
    best = NOBODY
    for step in range(count):
        replica = here.first + (here.turn + step) % count
        if not may_take(world, replica, item):
            continue
        if world.rules[0].bind == _IN_TURN:
            best = replica
            break
        if best == NOBODY or world.replicas[replica].committed < world.replicas[best].committed:
            best = replica
    if best != NOBODY:
        here.turn = (best - here.first + 1) % count
    return int(best)


def thief(world: World, pool: int, item: int) -> int:
    for other in range(len(world.pools)):
        far = world.pools[other]
        if other != pool and far.queued == 0 and world.sequences[item].budget <= far.max_model_len:
            replica = taker(world, other, item)
            if replica != NOBODY:
                return replica
    return NOBODY


def wake(world: World, pool: int, item: int) -> None:
    """Let one resting worker look at the queue: of this lane, else of one that may steal and could hold the request."""
    here = world.pools[pool]
    if wake_one(world, here.first, here.end) or not world.rules[0].steal:
        return
    for other in range(len(world.pools)):
        far = world.pools[other]
        could = other != pool and far.queued == 0 and world.sequences[item].budget <= far.max_model_len
        if could and wake_one(world, far.first, far.end):
            return


def wake_one(world: World, first: int, end: int) -> bool:
    for replica in range(first, end):
        if world.due_s[replica] == NEVER and world.replicas[replica].phase == _ACTIVE:
            set_due(world, replica, world.clock[0].now_s)
            return True
    return False


def pull(world: World, replica: int) -> None:
    """A worker with room takes what it may, the most urgent of its own lane first. Workers that look at the same moment
    share what waits."""
    share = (
        world.pools[world.replicas[replica].pool].queued if world.rules[0].bind != _AT_STEP else fair(world, replica)
    )
    taken = 0
    while True:
        pool = source(world, replica)
        if pool == NOBODY or (pool == world.replicas[replica].pool and taken >= share):
            return
        item = world.queue_items[pool, 0]
        if not may_take(world, replica, item):
            return
        give(world, replica, dequeue(world, pool))
        taken += 1


def fair(world: World, replica: int) -> int:
    here = world.pools[world.replicas[replica].pool]
    if here.queued < 2:
        return int(here.queued)
    looking = 1
    for other in range(here.first, here.end):
        if other != replica and world.due_s[other] == world.clock[0].now_s:
            looking += 1
    return int((here.queued + looking - 1) // looking)


def source(world: World, replica: int) -> int:
    """The pool whose head this worker should take; NOBODY if none waits that it could hold."""
    own = world.replicas[replica].pool
    best = NOBODY
    if world.pools[own].queued:
        step_back_if_late(world, own)
        if not world.rules[0].steal or world.queue_keys[own, 0] < LATE:
            return int(own)
        best = own
    if not world.rules[0].steal:
        return best
    for other in range(len(world.pools)):
        if other == own or world.pools[other].queued == 0:
            continue
        step_back_if_late(world, other)
        if world.sequences[world.queue_items[other, 0]].budget > world.pools[own].max_model_len:
            continue
        if best == NOBODY or world.queue_keys[other, 0] < world.queue_keys[best, 0]:
            best = other
    return int(best)


def step_back_if_late(world: World, pool: int) -> None:
    """Put heads that can no longer make their limit behind the others."""
    if not world.rules[0].late_last:
        return
    while world.queue_keys[pool, 0] < world.clock[0].now_s and not world.sequences[world.queue_items[pool, 0]].moved:
        item = dequeue(world, pool)
        enqueue(world, pool, item, key_of(world, pool, item) + LATE)
