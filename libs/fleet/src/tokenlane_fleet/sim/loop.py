"""The clock: arrivals and the ends of steps, in order of time."""

import math

from tokenlane_fleet.kernel.seconds import seconds
from tokenlane_fleet.kernel.step import step
from tokenlane_fleet.sim.pulling import pull, queue_up
from tokenlane_fleet.sim.pushing import push
from tokenlane_fleet.sim.records import NEVER, Phase, Step, World
from tokenlane_fleet.sim.worker import release

_DRAINING = Phase.DRAINING
_OFF = Phase.OFF
_REJECTED = -1


def advance(world: World, until_s: float) -> None:
    """Run to `until_s`, inclusive; with NEVER to the end of all requests."""
    while True:
        replica = soonest(world)
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


def soonest(world: World) -> int:
    best = 0
    for replica in range(1, len(world.due_s)):
        if world.due_s[replica] < world.due_s[best]:
            best = replica
    return best


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
    world.sequences[item].pool = pool
    if pool == _REJECTED:
        return
    if world.rules[0].push:
        push(world, pool, item)
    else:
        queue_up(world, pool, item)


def complete(world: World, replica: int) -> None:
    """The replica's step ends: what has left its engine leaves the worker, or moves on to a longer context."""
    worker = world.replicas[replica]
    world.due_s[replica] = NEVER
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
    world.due_s[replica] = due
    worker.busy_s += took
    worker.computed_tokens += worker.prefill_tokens
    worker.fewest_free = min(worker.fewest_free, worker.free_blocks)
    note_tokens(world, replica, out, due)


def rest(world: World, replica: int) -> None:
    worker = world.replicas[replica]
    world.due_s[replica] = NEVER
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
