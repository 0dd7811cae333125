"""What a worker may take, and what it counts of what it has."""

from tokenlane_fleet.kernel.run import steady_end_s, steps_until
from tokenlane_fleet.kernel.step import add
from tokenlane_fleet.sim.clock import set_due
from tokenlane_fleet.sim.records import NEVER, Phase, World

_ACTIVE = Phase.ACTIVE


def may_take(world: World, replica: int, item: int) -> bool:
    """KV credit and the cap on prefills; an empty worker takes anything its context holds."""
    worker, sequence, pool = world.replicas[replica], world.sequences[item], world.pools[world.replicas[replica].pool]
    if worker.phase != _ACTIVE or sequence.total >= pool.max_model_len:
        return False
    if worker.outstanding == 0:
        return True
    if worker.outstanding >= pool.max_num_seqs or worker.committed + sequence.budget > pool.credit:
        return False
    cap = world.rules[0].prefill_cap
    return bool(cap == 0 or worker.prefill_left == 0 or worker.prefill_left + sequence.total <= cap)


def give(world: World, replica: int, item: int) -> None:
    """Hand a request to a replica's engine; it is looked at when the next step begins, at once if none is running."""
    worker, sequence = world.replicas[replica], world.sequences[item]
    sequence.pool = worker.pool
    sequence.end = min(sequence.stop, world.pools[worker.pool].max_model_len)
    sequence.computed = 0
    worker.committed += sequence.budget
    worker.outstanding += 1
    worker.work_left += sequence.work_left
    add(worker, world.sequences, item)
    if world.due_s[replica] == NEVER:
        set_due(world, replica, world.clock[0].now_s)
    else:
        cut_run(world, replica)


def cut_run(world: World, replica: int) -> None:
    """Let a run of steps end with the one that is under way."""
    worker = world.replicas[replica]
    if worker.run_steps == 0:
        return
    cost, now = world.costs[worker.pool], world.clock[0].now_s
    steps = steps_until(cost, worker.num_running, worker.run_context, worker.run_steps, worker.run_start_s, now)
    if steps < worker.run_steps:
        worker.run_steps = steps
        set_due(world, replica, steady_end_s(cost, worker.num_running, worker.run_context, steps, worker.run_start_s))


def release(world: World, replica: int, item: int) -> None:
    """The opposite, when a request has left the engine."""
    worker, sequence = world.replicas[replica], world.sequences[item]
    worker.committed -= sequence.budget
    worker.outstanding -= 1
    worker.work_left -= sequence.work_left
