"""The clock: arrivals and the ends of steps, in order of time."""

import math

from tokenlane_fleet.kernel.run import context_of, steady_end_s, steady_steps, take_steps
from tokenlane_fleet.kernel.seconds import seconds
from tokenlane_fleet.kernel.step import step
from tokenlane_fleet.sim.clock import set_due
from tokenlane_fleet.sim.fleet import Bind, PushRule
from tokenlane_fleet.sim.pulling import anything_queued, pull, queue_up
from tokenlane_fleet.sim.pushing import push
from tokenlane_fleet.sim.records import NEVER, Phase, Step, World
from tokenlane_fleet.sim.worker import release
from tokenlane_fleet.urgency import counted

_DRAINING = Phase.DRAINING
_OFF = Phase.OFF
_REJECTED = -1
_AT_STEP = int(Bind.AT_STEP)
_LEAST_WORK = int(PushRule.LEAST_WORK)
# Fewer are not worth looking ahead.
_LEAST_RUN = 2


def advance(world: World, until_s: float) -> None:
    """Run to `until_s`, inclusive; with NEVER to the end of all requests."""
    while True:
        replica = world.soonest[1]
        step_ends = world.due_s[replica]
        arrives = next_arrival_s(world)
        now = min(step_ends, arrives)
        if now > until_s or now == NEVER:
            return
        world.clock[0].now_s = now
        if arrives <= step_ends:
            arrive(world)
        else:
            complete(world, replica)
            begin(world, replica)


def next_arrival_s(world: World) -> float:
    index = world.clock[0].next_arrival
    if index >= len(world.sequences):
        return NEVER
    return float(world.sequences[index].arrival_s + world.rules[0].transit_s)


def arrive(world: World) -> None:
    item = world.clock[0].next_arrival
    world.clock[0].next_arrival += 1
    enter(world, first_pool(world, item), item)


def first_pool(world: World, item: int) -> int:
    """By the budget, and by what the contexts hold; no pool if none holds the prompt."""
    sequence = world.sequences[item]
    for pool in range(len(world.pools)):
        if sequence.budget <= world.pools[pool].up_to_tokens and sequence.total < world.pools[pool].max_model_len:
            return pool
    return _REJECTED


def enter(world: World, pool: int, item: int) -> None:
    sequence = world.sequences[item]
    sequence.pool = pool
    if pool == _REJECTED:
        return
    sequence.counted = counted(sequence.total, max(sequence.budget - sequence.total, 0))
    if world.rules[0].push:
        push(world, pool, item)
    else:
        queue_up(world, pool, item)


def complete(world: World, replica: int) -> None:
    """The replica's step ends: what has left its engine leaves the worker, or moves on to a longer context."""
    worker = world.replicas[replica]
    set_due(world, replica, NEVER)
    if worker.run_steps:
        end_run(world, replica)
        return
    finished = worker.num_finished
    worker.num_finished = 0
    for place in range(finished):
        item = world.finished[replica, place]
        sequence = world.sequences[item]
        release(world, replica, item)
        following = next_pool(world, item)
        if following == _REJECTED:
            sequence.finished_s = world.clock[0].now_s
            world.pools[worker.pool].finished_tokens += sequence.budget
        else:
            sequence.moved = 1
            sequence.budget = sequence.total + max(sequence.budget - sequence.prompt_tokens, 1)
            enter(world, following, item)


def next_pool(world: World, item: int) -> int:
    """Where a sequence goes on that its context has cut; none if it is done, or no context is longer."""
    sequence = world.sequences[item]
    if sequence.total >= sequence.stop:
        return _REJECTED
    for pool in range(sequence.pool + 1, len(world.pools)):
        if sequence.total < world.pools[pool].max_model_len:
            return pool
    return _REJECTED


def begin(world: World, replica: int) -> None:
    """Pull, then start the next step if there is work."""
    worker = world.replicas[replica]
    if not world.rules[0].push:
        pull(world, replica)
    if worker.num_running == 0 and worker.num_waiting == 0:
        rest(world, replica)
        return
    pool = worker.pool
    if may_run(world) and begin_run(world, replica):
        return
    out = Step(world.scratch[0], world.scratch[1], world.scratch[2], world.finished[replica], world.scratch[3])
    step(worker, world.limits[pool], world.sequences, world.running[replica], out)
    took = seconds(
        world.costs[pool],
        worker.prefill_tokens,
        worker.decode_seqs,
        worker.num_scheduled,
        worker.context_tokens,
        worker.attention_pairs,
    )
    due = world.clock[0].now_s + took
    set_due(world, replica, due)
    worker.busy_s += took
    worker.computed_tokens += worker.prefill_tokens
    worker.fewest_free = min(worker.fewest_free, worker.free_blocks)
    note_tokens(world, replica, out, due)


def may_run(world: World) -> bool:
    """Whether nobody looks at what a replica has between two steps: a router that weighs work does, and so does a queue
    that hands out at steps, or any queue in which something waits."""
    rules = world.rules[0]
    if rules.push:
        return bool(rules.rule != _LEAST_WORK)
    return bool(rules.bind != _AT_STEP and not anything_queued(world))


def begin_run(world: World, replica: int) -> bool:
    """Start as many steps as are all alike, if there are some."""
    worker, pool = world.replicas[replica], world.replicas[replica].pool
    steps = steady_steps(worker, world.limits[pool], world.sequences, world.running[replica])
    if steps < _LEAST_RUN:
        return False
    worker.run_steps = steps
    worker.run_start_s = world.clock[0].now_s
    worker.run_context = context_of(worker, world.sequences, world.running[replica])
    end = steady_end_s(world.costs[pool], worker.num_running, worker.run_context, steps, worker.run_start_s)
    set_due(world, replica, end)
    return True


def end_run(world: World, replica: int) -> None:
    worker = world.replicas[replica]
    take_steps(worker, world.limits[worker.pool], world.sequences, world.running[replica], worker.run_steps)
    worker.run_steps = 0
    worker.busy_s += world.clock[0].now_s - worker.run_start_s
    worker.fewest_free = min(worker.fewest_free, worker.free_blocks)


def rest(world: World, replica: int) -> None:
    worker = world.replicas[replica]
    if worker.phase == _DRAINING:
        worker.phase = _OFF
        worker.held_s += world.clock[0].now_s - worker.since_s


def note_tokens(world: World, replica: int, out: Step, due_s: float) -> None:
    """First tokens come out at the end of the step; a router counts down what is still to be generated."""
    worker = world.replicas[replica]
    if worker.prefill_tokens == 0 and not world.rules[0].push:
        return
    for place in range(worker.num_emitted):
        sequence = world.sequences[out.emitted[place]]
        if math.isnan(sequence.first_token_s):
            sequence.first_token_s = due_s
        if sequence.work_left > 0:
            sequence.work_left -= 1
            worker.work_left -= 1
