"""One step of vLLM V1's scheduler.

Modelled on vLLM 0.32: continuous batching with chunked prefill under a token budget a step; running sequences first,
then waiting ones first come, first served; KV blocks allocated on demand; when none is free the latest running
sequence is preempted, to be recomputed from the front of the waiting queue, and nothing is admitted in that step.

Not modelled: prefix caching, priorities, speculative decoding, and the one-step lag of asynchronous scheduling (a
finished sequence frees its blocks here at the end of its own step).
"""

from tokenlane_fleet.kernel.state import EngineState, Limits, Row, Sequences, SequenceState, Step
from tokenlane_fleet.kernel.waiting import push_back, push_front, remove


def add(engine: EngineState, sequences: Sequences, index: int) -> None:
    """Queue a sequence with nothing computed yet."""
    push_back(engine, sequences, index)
    engine.prefill_left += prefill_left(sequences[index])


def abort(engine: EngineState, sequences: Sequences, running: Row, index: int) -> None:
    """Forget a sequence, running or waiting, and free its blocks."""
    sequence = sequences[index]
    engine.prefill_left -= prefill_left(sequence)
    if sequence.blocks:
        free(engine, sequence)
        close_gap(engine, running, index)
    else:
        remove(engine, sequences, index)


def step(engine: EngineState, limits: Limits, sequences: Sequences, running: Row, out: Step) -> None:
    """Schedule one step and account for it as computed. With nothing to do it is empty."""
    begin_step(engine, limits)
    cap = chunk_cap(engine, limits)
    schedule_running(engine, limits, sequences, running, out, cap)
    if engine.num_preempted == 0:
        schedule_waiting(engine, limits, sequences, running, out, cap)
    if engine.num_finished:
        drop_finished(engine, sequences, running, out)
    engine.steps += 1
    engine.generation_tokens += engine.num_emitted


def begin_step(engine: EngineState, limits: Limits) -> None:
    engine.budget = limits.max_num_batched_tokens
    engine.num_scheduled = 0
    engine.num_admitted = 0
    engine.num_emitted = 0
    engine.num_finished = 0
    engine.num_preempted = 0
    engine.prefill_tokens = 0
    engine.decode_seqs = 0
    engine.context_tokens = 0
    engine.attention_pairs = 0


def chunk_cap(engine: EngineState, limits: Limits) -> int:
    """A request alone has nobody to starve, so the threshold does not bind it."""
    if limits.long_prefill_token_threshold and engine.num_running + engine.num_waiting > 1:
        return limits.long_prefill_token_threshold
    return limits.max_num_batched_tokens


def schedule_running(
    engine: EngineState, limits: Limits, sequences: Sequences, running: Row, out: Step, cap: int
) -> None:
    position = 0
    while True:
        position = decode(engine, sequences, running, out, position)
        if position >= engine.num_running or engine.budget <= 0:
            return
        index = running[position]
        sequence = sequences[index]
        tokens = min(sequence.total - sequence.computed, cap, engine.budget)
        if sequence.computed + tokens > sequence.slots:
            make_room(engine, limits, sequences, running, out, position, tokens)
            if position >= engine.num_running:
                return
        schedule(engine, sequence, out, index, tokens)
        position += 1


def decode(engine: EngineState, sequences: Sequences, running: Row, out: Step, position: int) -> int:
    """Schedule, from `position` on, those that only generate their next token and have a slot for it: nearly all of a
    step's work, as `schedule` would do it one by one. Returns the first position that is something else."""
    start = position
    stop = min(engine.num_running, position + engine.budget)
    row, context_tokens, finished = engine.num_scheduled, 0, engine.num_finished
    emitted = engine.num_emitted
    while position < stop:
        index = running[position]
        sequence = sequences[index]
        total = sequence.total
        if sequence.computed != total - 1 or total > sequence.slots or total == sequence.prompt_tokens:
            break
        sequence.computed = total
        sequence.total = total + 1
        context_tokens += total
        out.scheduled[row] = index
        out.tokens[row] = 1
        out.emitted[emitted] = index
        row += 1
        emitted += 1
        if total + 1 >= sequence.end:
            out.finished[finished] = index
            finished += 1
        position += 1
    engine.num_scheduled = row
    engine.num_emitted = emitted
    engine.num_finished = finished
    engine.context_tokens += context_tokens
    engine.decode_seqs += position - start
    engine.budget -= position - start
    return position


def make_room(
    engine: EngineState, limits: Limits, sequences: Sequences, running: Row, out: Step, position: int, tokens: int
) -> None:
    """Allocate for `tokens` more of the sequence at `position`, preempting from the end, itself if need be."""
    sequence = sequences[running[position]]
    blocks = blocks_for(sequence.computed + tokens, limits.block_size) - sequence.blocks
    while blocks > engine.free_blocks:
        engine.num_running -= 1
        victim = running[engine.num_running]
        preempt(engine, sequences, victim)
        out.preempted[engine.num_preempted] = victim
        engine.num_preempted += 1
        if engine.num_running == position:
            return
    allocate(engine, sequence, blocks, limits.block_size)


def schedule_waiting(
    engine: EngineState, limits: Limits, sequences: Sequences, running: Row, out: Step, cap: int
) -> None:
    while engine.num_waiting and engine.budget > 0 and engine.num_running < limits.max_num_seqs:
        index = engine.first_waiting
        sequence = sequences[index]
        tokens = min(sequence.total, cap, engine.budget)
        if not fits(engine, limits, sequence, tokens):
            return
        remove(engine, sequences, index)
        allocate(engine, sequence, blocks_for(tokens, limits.block_size), limits.block_size)
        running[engine.num_running] = index
        engine.num_running += 1
        engine.num_admitted += 1
        schedule(engine, sequence, out, index, tokens)


def fits(engine: EngineState, limits: Limits, sequence: SequenceState, tokens: int) -> bool:
    headroom = limits.watermark_blocks if engine.num_running else 0
    must_hold = sequence.total if limits.reserve_full_prompt else tokens
    return blocks_for(must_hold, limits.block_size) + headroom <= engine.free_blocks


def schedule(engine: EngineState, sequence: SequenceState, out: Step, index: int, tokens: int) -> None:
    """Give a sequence its tokens of this step, and account for them as computed: nothing that is scheduled is preempted
    in the same step. A sequence that catches up emits a token; one that ends keeps its blocks until the step does."""
    out.scheduled[engine.num_scheduled] = index
    out.tokens[engine.num_scheduled] = tokens
    engine.num_scheduled += 1
    engine.budget -= tokens
    if sequence.total - sequence.computed == 1 and sequence.total > sequence.prompt_tokens:
        engine.decode_seqs += 1
    else:
        engine.prefill_tokens += tokens
        engine.attention_pairs += tokens * sequence.computed + tokens * (tokens + 1) // 2
        engine.prefill_left -= min(tokens, prefill_left(sequence))
    sequence.computed += tokens
    engine.context_tokens += sequence.computed
    if sequence.computed == sequence.total:
        emit(engine, sequence, out, index)


def emit(engine: EngineState, sequence: SequenceState, out: Step, index: int) -> None:
    if sequence.total == sequence.prompt_tokens:
        engine.prompt_tokens += sequence.prompt_tokens
    sequence.total += 1
    out.emitted[engine.num_emitted] = index
    engine.num_emitted += 1
    if sequence.total >= sequence.end:
        out.finished[engine.num_finished] = index
        engine.num_finished += 1


def drop_finished(engine: EngineState, sequences: Sequences, running: Row, out: Step) -> None:
    for place in range(engine.num_finished):
        free(engine, sequences[out.finished[place]])
    kept = 0
    for position in range(engine.num_running):
        index = running[position]
        if sequences[index].blocks:
            running[kept] = index
            kept += 1
    engine.num_running = kept


def close_gap(engine: EngineState, running: Row, index: int) -> None:
    """Take one sequence out of the running ones, which keep their order."""
    kept = 0
    for position in range(engine.num_running):
        if running[position] != index:
            running[kept] = running[position]
            kept += 1
    engine.num_running = kept


def preempt(engine: EngineState, sequences: Sequences, index: int) -> None:
    sequence = sequences[index]
    engine.prefill_left += sequence.computed
    free(engine, sequence)
    sequence.computed = 0
    sequence.preemptions += 1
    push_front(engine, sequences, index)
    engine.preemptions += 1


def prefill_left(sequence: SequenceState) -> int:
    """Tokens to compute before the next one can be generated; that one's own step is a decode."""
    generated = 1 if sequence.total > sequence.prompt_tokens else 0
    return sequence.total - sequence.computed - generated


def blocks_for(tokens: int, block_size: int) -> int:
    return (tokens + block_size - 1) // block_size


def allocate(engine: EngineState, sequence: SequenceState, blocks: int, block_size: int) -> None:
    engine.free_blocks -= blocks
    sequence.blocks += blocks
    sequence.slots += blocks * block_size


def free(engine: EngineState, sequence: SequenceState) -> None:
    engine.free_blocks += sequence.blocks
    sequence.blocks = 0
    sequence.slots = 0
