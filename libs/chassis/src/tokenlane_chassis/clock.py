"""Wall-clock time as the bus carries it."""

import time


def unix_ms() -> int:
    """Milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000
