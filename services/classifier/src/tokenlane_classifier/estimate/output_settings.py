"""Constants of the output estimate."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """`quantile` of the output that a budget holds, `lane_quantile` of it by which the lane is chosen, and how both are
    learned.

    `default_tokens`: what is assumed of a request where nothing is known. A value weighs half after `half_life_s`, and
    after `half_life_values` newer ones with the same key. `gain`: how fast the level that is asked for follows the
    share that was covered. `most_keys`: distributions kept; those with the least evidence go first."""

    quantile: float = 0.9
    lane_quantile: float = 0.5
    default_tokens: int = 512
    half_life_s: float = 6 * 3600.0
    half_life_values: float = 500.0
    gain: float = 0.005
    most_keys: int = 8_192
