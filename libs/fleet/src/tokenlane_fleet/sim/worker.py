"""What a worker may take, and what it counts of what it has."""

from tokenlane_fleet.kernel.run import steady_end_s, steps_until
from tokenlane_fleet.kernel.state import NOBODY
from tokenlane_fleet.kernel.step import add
from tokenlane_fleet.sim.clock import set_due
from tokenlane_fleet.sim.records import NEVER, Phase, World
from tokenlane_fleet.urgency import has_credit, may_prefill

_ACTIVE = Phase.ACTIVE


def may_take(world: World, replica: int, item: int) -> bool:
    """KV credit and the cap on prefills; an empty worker takes anything its context holds."""
    worker, sequence, pool = world.replicas[replica], world.sequences[item], world.pools[world.replicas[replica].pool]
    if worker.phase != _ACTIVE or sequence.total >= pool.max_model_len:
        return False
    if not has_credit(worker.outstanding, pool.max_num_seqs, worker.taken, sequence.counted, pool.credit):
        return False
    return bool(may_prefill(prefill_in_flight(world, replica), sequence.total, pool.prefill_cap))


def prefill_in_flight(world: World, replica: int) -> int:
    """Prompt tokens that are not computed, or all of each prompt that has no first token yet."""
    worker = world.replicas[replica]
    if not world.rules[0].whole_prompts or worker.prefill_left == 0:
        return int(worker.prefill_left)
    tokens = 0
    for position in range(worker.num_running):
        tokens += unanswered(world, world.running[replica, position])
    item = worker.first_waiting
    while item != NOBODY:
        tokens += unanswered(world, item)
        item = world.sequences[item].after
    return int(tokens)


def unanswered(world: World, item: int) -> int:
    sequence = world.sequences[item]
    return int(sequence.total if sequence.total == sequence.prompt_tokens else 0)


def give(world: World, replica: int, item: int) -> None:
    """Hand a request to a replica's engine; it is looked at when the next step begins, at once if none is running."""
    worker, sequence = world.replicas[replica], world.sequences[item]
    sequence.pool = worker.pool
    sequence.end = min(sequence.stop, world.pools[worker.pool].max_model_len)
    sequence.computed = 0
    worker.committed += sequence.budget
    worker.taken += sequence.counted
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
    worker.taken -= sequence.counted
    worker.outstanding -= 1
    worker.work_left -= sequence.work_left
