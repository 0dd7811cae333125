"""Which events were heard lately, so that one that is also read from the stream teaches nothing twice. Pure."""

# As many as a busy minute's overlap of hearing and reading has. Twice that is remembered at most, 8 MB of it.
KEPT = 65_536


class Recent:
    """The last `kept` new keys at least, in two generations."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._young: set[int] = set()
        self._old: set[int] = set()

    def is_new(self, key: int) -> bool:
        """Whether `key` was not there lately; from now on it was."""
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= self._kept:
            self._old, self._young = self._young, set()
        self._young.add(key)
        return True
