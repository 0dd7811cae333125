"""Central queues and the workers that pull from them."""

from tokenlane_fleet.sim.clock import set_due
from tokenlane_fleet.sim.fleet import Bind, Steal
from tokenlane_fleet.sim.queue import dequeue
from tokenlane_fleet.sim.records import NEVER, Phase, World
from tokenlane_fleet.sim.turns import NOBODY, can_help, helps, join, next_head, next_of, step_back_if_late
from tokenlane_fleet.sim.worker import cut_run, give, may_take

_ACTIVE = Phase.ACTIVE
_IN_TURN = int(Bind.IN_TURN)
_AT_STEP = int(Bind.AT_STEP)
_NEVER = int(Steal.NEVER)
_WHEN_IDLE = int(Steal.WHEN_IDLE)


def queue_up(world: World, pool: int, item: int) -> None:
    """A request comes to its lane."""
    join(world, pool, item)
    if world.rules[0].bind == _AT_STEP:
        wake(world, pool, item)
    else:
        if world.rules[0].steal in (_NEVER, _WHEN_IDLE):
            hand_out(world, pool)
        else:
            hand_out_all(world)
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


def hand_out_all(world: World) -> None:
    """The same over all lanes, by the turns of their heads; one that nobody can take holds up nobody else's."""
    for pool in range(len(world.pools)):
        step_back_if_late(world, pool)
    after = NOBODY
    while True:
        pool = next_head(world, after)
        if pool == NOBODY:
            return
        item = world.queue_items[pool, 0]
        replica = taker(world, pool, item)
        if replica == NOBODY:
            replica = thief(world, pool, item)
        if replica == NOBODY:
            after = pool
        else:
            give(world, replica, dequeue(world, pool))
            step_back_if_late(world, pool)


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
        if other != pool and helps(world, other, pool) and can_help(world, other, item):
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
        could = other != pool and helps(world, other, pool) and can_help(world, other, item)
        if could and wake_one(world, far.first, far.end):
            return


def wake_one(world: World, first: int, end: int) -> bool:
    for replica in range(first, end):
        if world.due_s[replica] == NEVER and world.replicas[replica].phase == _ACTIVE:
            set_due(world, replica, world.clock[0].now_s)
            return True
    return False


def pull(world: World, replica: int) -> None:
    """A worker with room takes what it may. Behind a prompt that was too long for others may be one that is not."""
    if take(world, replica) and world.rules[0].help_tokens and world.rules[0].bind != _AT_STEP:
        hand_out_all(world)


def take(world: World, replica: int) -> int:
    """The most urgent of its own lane first, or of all that it may take from; how many it took. Workers that look at
    the same moment share what waits."""
    own = world.replicas[replica].pool
    share = world.pools[own].queued if world.rules[0].bind != _AT_STEP else fair(world, replica)
    taken = 0
    while True:
        pool = next_of(world, replica)
        if pool == NOBODY or (pool == own and taken >= share):
            return taken
        item = world.queue_items[pool, 0]
        if not may_take(world, replica, item):
            return taken
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
