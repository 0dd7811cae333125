"""Lengths in buckets of an eighth of an octave, as the subjects of the bus count them."""

import math

_EXACT = 16
_STEPS = 8


def bucket(tokens: int) -> int:
    """Number of the bucket that holds `tokens`: one for each length up to 16, then eight an octave. Under 1 is 1."""
    if tokens <= _EXACT:
        return max(tokens, 1)
    shift = (tokens - 1).bit_length() - 4
    return shift * _STEPS + ((tokens - 1) >> shift) + 1


def upper(number: int) -> int:
    """The longest length in a bucket, in tokens."""
    if number <= _EXACT:
        return number
    shift = (number - _STEPS - 1) // _STEPS
    return (number - shift * _STEPS) << shift


def distance(a: int, b: int) -> float:
    """Octaves between two lengths."""
    return abs(math.log2(a / b))
