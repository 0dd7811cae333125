"""What is said of a file that is no trace."""

from pathlib import Path

from tokenlane_cli.errors import UsageError

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
FIELDS = ("timestamp", "input_length", "output_length")
# More than any request takes, and what four bytes hold.
MOST_TOKENS = 2**31 - 1


def no_trace(path: Path) -> UsageError:
    """It has none of the formats."""
    return UsageError(
        f"{path} is no trace: expected CSV with {','.join(COLUMNS)}, JSON lines with {', '.join(FIELDS)}, or a JSON "
        "list of [tokens, fraction]"
    )


def tokens(path: Path, line: int, value: object) -> int:
    """A whole number of tokens, 0 included. Raises UsageError."""
    try:
        found = int(str(value))
    except ValueError:
        found = -1
    if not 0 <= found <= MOST_TOKENS:
        raise UsageError(f"{path}:{line}: not a number of tokens: {shown(value)}")
    return found


def shown(value: object) -> str:
    """A value as it may be quoted in one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
