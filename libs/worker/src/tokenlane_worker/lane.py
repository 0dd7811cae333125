"""What distinguishes one lane's workers from another's: numbers, never code."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane's engine settings. Each lane's own folder holds its value, with the reason for each number.

    `tpot_s` decides where model and GPU are known (`engine_choice`), the other two where they are not.
    """

    name: str
    # Sequences that the engine runs at once.
    max_num_seqs: int
    # Tokens that one engine step may process. Unit: tokens.
    max_num_batched_tokens: int
    # Most time a token that engine settings may cause. Unit: seconds.
    tpot_s: float = 0.08
