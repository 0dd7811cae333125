"""The waiting queue of an engine: a list linked through the sequences themselves."""

from tokenlane_fleet.kernel.state import NOBODY, EngineState, Sequences


def push_back(engine: EngineState, sequences: Sequences, index: int) -> None:
    sequence = sequences[index]
    sequence.before = engine.last_waiting
    sequence.after = NOBODY
    if engine.last_waiting == NOBODY:
        engine.first_waiting = index
    else:
        sequences[engine.last_waiting].after = index
    engine.last_waiting = index
    engine.num_waiting += 1


def push_front(engine: EngineState, sequences: Sequences, index: int) -> None:
    sequence = sequences[index]
    sequence.before = NOBODY
    sequence.after = engine.first_waiting
    if engine.first_waiting == NOBODY:
        engine.last_waiting = index
    else:
        sequences[engine.first_waiting].before = index
    engine.first_waiting = index
    engine.num_waiting += 1


def remove(engine: EngineState, sequences: Sequences, index: int) -> None:
    sequence = sequences[index]
    if sequence.before == NOBODY:
        engine.first_waiting = sequence.after
    else:
        sequences[sequence.before].after = sequence.after
    if sequence.after == NOBODY:
        engine.last_waiting = sequence.before
    else:
        sequences[sequence.after].before = sequence.before
    engine.num_waiting -= 1
