"""A router in front of the replicas."""

from tokenlane_fleet.sim.fleet import PushRule
from tokenlane_fleet.sim.records import Phase, World
from tokenlane_fleet.sim.worker import give

_ACTIVE = Phase.ACTIVE
_ROUND_ROBIN = int(PushRule.ROUND_ROBIN)
_LEAST_REQUESTS = int(PushRule.LEAST_REQUESTS)


def push(world: World, pool: int, item: int) -> None:
    """Send a request to a replica of its pool, or of a later one where that may be and the pool is full."""
    chosen = pool
    if world.rules[0].spill:
        while is_full(world, chosen) and chosen + 1 < len(world.pools):
            chosen += 1
        if is_full(world, chosen):
            chosen = pool
    give(world, best_replica(world, chosen), item)


def is_full(world: World, pool: int) -> bool:
    """Whether no replica has a free sequence slot."""
    here = world.pools[pool]
    for replica in range(here.first, here.end):
        if world.replicas[replica].phase == _ACTIVE and world.replicas[replica].outstanding < here.max_num_seqs:
            return False
    return True


def best_replica(world: World, pool: int) -> int:
    """Ties go to the one whose turn it is."""
    here = world.pools[pool]
    count = here.end - here.first
    best, least = here.first, 0.0
    found = False
    for step in range(count):
        replica = here.first + (here.turn + step) % count
        if world.replicas[replica].phase != _ACTIVE:
            continue
        load = load_of(world, replica)
        if not found or load < least:
            best, least, found = replica, load, True
    here.turn = (best - here.first + 1) % count
    return int(best)


def load_of(world: World, replica: int) -> float:
    worker, rules = world.replicas[replica], world.rules[0]
    if rules.rule == _ROUND_ROBIN:
        return 0.0
    if rules.rule == _LEAST_REQUESTS:
        return float(worker.outstanding)
    return float(worker.prefill_left + rules.output_weight * worker.work_left)
