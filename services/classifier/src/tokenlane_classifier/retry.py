"""When a delivery that failed comes again."""

_FIRST_S = 0.1
_LONGEST_S = 10.0
_DOUBLINGS = 7


def backoff_s(attempt: int) -> float:
    """Seconds to wait after delivery number `attempt` (from 1) failed."""
    return min(_FIRST_S * 2.0 ** min(attempt - 1, _DOUBLINGS), _LONGEST_S)
