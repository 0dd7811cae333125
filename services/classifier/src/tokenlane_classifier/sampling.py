"""Which answers to learn from where they come faster than is of use: learning costs as much as deciding. Pure."""

from zlib import crc32

# Five hundred a second say as much of how long outputs are as five thousand do.
MOST_PER_S = 500


class Sampling:
    """About `most_per_s` a second, by the rate of the second before; of a burst's first second, every second one after
    that many, every third one after twice as many, and so on. Which ones follows from their ids, so that replicas that
    hear the same take the same."""

    def __init__(self, most_per_s: int = MOST_PER_S) -> None:
        self._most_per_s = most_per_s
        self._second = 0
        self._heard = 0
        self._stride = 1

    def takes(self, request_id: str, now_unix_ms: int) -> bool:
        """Whether to learn from the answer to this request, heard now."""
        second = now_unix_ms // 1_000
        if second != self._second:
            # After a second without any the rate is a new one.
            heard = self._heard if second == self._second + 1 else 0
            self._stride = max(1, -(-heard // self._most_per_s))
            self._second, self._heard = second, 0
        self._heard += 1
        stride = max(self._stride, -(-self._heard // self._most_per_s))
        return stride == 1 or crc32(request_id.encode()) % stride == 0
