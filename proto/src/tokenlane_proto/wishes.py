"""How soon and before whom a request wants to go, as its publisher writes it."""

from tokenlane.v1.request_pb2 import Priority

PRIORITIES = {
    "interactive": Priority.PRIORITY_INTERACTIVE,
    "standard": Priority.PRIORITY_STANDARD,
    "batch": Priority.PRIORITY_BATCH,
}
PRIORITY_NAMES = "interactive, standard or batch"
# Eleven days. Unit: milliseconds.
LONGEST_TTFT_MS = 999_999_999

_NAMES = {priority: name for name, priority in PRIORITIES.items()}


def priority_name(priority: Priority) -> str:
    """The inverse of `PRIORITIES`; empty for one that is unspecified or unknown."""
    return _NAMES.get(priority, "")


def parse_ttft_ms(text: str) -> int | None:
    """A time to first token in milliseconds, at least 1; None if it is not one."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    return int(text) or None
