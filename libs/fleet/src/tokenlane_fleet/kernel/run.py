"""Many steps at once, where they are all alike: all that runs generates its next token, and nothing else happens.

What `step` would do one by one. Fleets spend most of their steps so.
"""

from tokenlane_fleet.kernel.seconds import seconds
from tokenlane_fleet.kernel.state import Cost, EngineState, Limits, Row, Sequences


def steady_steps(engine: EngineState, limits: Limits, sequences: Sequences, running: Row) -> int:
    """How many of the next steps are such; 0 also where memory might run short. The step after them ends a sequence."""
    alone = engine.num_waiting == 0 or engine.num_running >= limits.max_num_seqs
    if engine.num_running == 0 or not alone or engine.num_running > limits.max_num_batched_tokens:
        return 0
    steps = sequences[running[0]].end
    for position in range(engine.num_running):
        sequence = sequences[running[position]]
        if sequence.computed != sequence.total - 1 or sequence.total == sequence.prompt_tokens:
            return 0
        steps = min(steps, sequence.end - sequence.total - 1)
    blocks = engine.num_running * (steps // limits.block_size + 1)
    return steps if blocks <= engine.free_blocks else 0


def context_of(engine: EngineState, sequences: Sequences, running: Row) -> int:
    """KV tokens that the next step reads, were all to generate."""
    context = 0
    for position in range(engine.num_running):
        context += sequences[running[position]].total
    return context


def steady_end_s(cost: Cost, num_seqs: int, context_tokens: int, steps: int, start_s: float) -> float:
    """When that many steps end, each timed by itself."""
    end = start_s
    for step in range(steps):
        end += seconds(cost, 0, num_seqs, num_seqs, context_tokens + step * num_seqs, 0)
    return end


def steps_until(cost: Cost, num_seqs: int, context_tokens: int, steps: int, start_s: float, now_s: float) -> int:
    """How many of them are over at the first end of a step that is not before `now_s`; at least 1."""
    end = start_s
    for step in range(steps):
        end += seconds(cost, 0, num_seqs, num_seqs, context_tokens + step * num_seqs, 0)
        if end >= now_s:
            return step + 1
    return steps


def take_steps(engine: EngineState, limits: Limits, sequences: Sequences, running: Row, steps: int) -> None:
    """Account for them."""
    for position in range(engine.num_running):
        sequence = sequences[running[position]]
        sequence.computed += steps
        sequence.total += steps
        if sequence.computed > sequence.slots:
            blocks = (sequence.computed + limits.block_size - 1) // limits.block_size - sequence.blocks
            engine.free_blocks -= blocks
            sequence.blocks += blocks
            sequence.slots += blocks * limits.block_size
    engine.steps += steps
    engine.generation_tokens += steps * engine.num_running
