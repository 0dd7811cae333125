"""Characters of a body by class, counted by the bytes type's own C loops on a bounded sample. Pure.

A tokenizer makes about as many tokens of a letter, a digit, a Han character each time. How many, is learned
(`regression`); here they are counted. Letters that JSON writes as escapes count as what they are.
"""

from collections.abc import Sequence

# Many short slices: bodies are made of pieces of several kinds.
_SLICES = 32
_SLICE_BYTES = 256
SAMPLE_BYTES = _SLICES * _SLICE_BYTES

# Each class once, the most frequent first: what is counted is taken out, so the next have less to go through. `escape`:
# in a string a new line is a backslash and a letter. UTF-8 by its lead bytes, one for each character; `kana` holds CJK
# punctuation, too, `accented` the typographic one (E2) and the letters of Vietnamese (E1).
_WORDS: tuple[tuple[str, bytes], ...] = (
    ("lower", b"abcdefghijklmnopqrstuvwxyz"),
    ("space", b" "),
    ("upper", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("digit", b"0123456789"),
)
_MARKS: tuple[tuple[str, bytes], ...] = (
    ("mark", b".,:;!?'-"),
    ("quote", b'"'),
    ("escape", b"\\\n\r\t"),
    ("code", b"{}[]()<>=_/|&*+#$%^~`@"),
)
_LEADS: tuple[tuple[str, bytes], ...] = (
    ("han", bytes(range(0xE4, 0xEA))),
    ("hangul", bytes(range(0xEA, 0xEE))),
    ("kana", b"\xe3"),
    ("cyrillic", bytes(range(0xCE, 0xD4))),
    ("arabic", bytes(range(0xD4, 0xE0))),
    ("indic", b"\xe0"),
    ("accented", bytes((*range(0xC2, 0xCE), 0xE1, 0xE2))),
)
# `symbol`: other characters beyond ASCII. The last two are counted above, too: `indent` are pairs of spaces, `run`
# is the same mark eight times, of which tokenizers make one token.
NAMES: tuple[str, ...] = (*(name for name, _ in (*_WORDS, *_MARKS, *_LEADS)), "symbol", "indent", "run")
REPEATED = ("indent", "run")
_RUN = 8
_RUNS = tuple(bytes((mark,)) * _RUN for mark in b"#-=*")
_NO_LEADS = (0,) * (len(_LEADS) + 1)
_HIGH = bytes(range(0x80, 0x100))
_NOT_LEADS = bytes(range(0xC0))
_ESCAPE_BYTES = 6
_NOTHING = (0,) * len(NAMES)
_UINT32_MAX = 2**32 - 1


def count(text: bytes, size: int) -> tuple[int, ...]:
    """Characters by class, in the order of NAMES, of `size` bytes of which `text` is the whole or the beginning. Where
    it is long, slices spread evenly over it stand for it."""
    slices = _slices(text)
    raw = b"".join(slices)
    length = len(raw)
    if not length or not size:
        return _NOTHING
    if b"\\u" in raw and raw.isascii():
        if len(slices) > 1:
            raw = b"".join(map(_whole_escapes, slices))
            length = len(raw)
        raw = _decoded(raw)
    counts = _counts(raw)
    if size == length:
        return counts
    scale = size / max(1, length)
    return tuple([min(round(number * scale), _UINT32_MAX) for number in counts])


def _slices(text: bytes) -> list[bytes]:
    if len(text) <= SAMPLE_BYTES:
        return [text]
    step = (len(text) - _SLICE_BYTES) // (_SLICES - 1)
    return [text[start : start + _SLICE_BYTES] for start in range(0, _SLICES * step, step)]


def _whole_escapes(piece: bytes) -> bytes:
    """`piece` from the first escape on, where that is near the beginning, to before the last one near the end."""
    first, last = piece.find(b"\\", 0, _ESCAPE_BYTES), piece.rfind(b"\\", 1 - _ESCAPE_BYTES)
    return piece[max(first, 0) : last if last > first else None]


def _decoded(raw: bytes) -> bytes:
    """Text whose letters are JSON's six-byte escapes. Python's own codec knows all of JSON's escapes but that of the
    slash; a mark stands for a pair of backslashes, so that what is left begins an escape. Text that is not JSON stays
    as it is."""
    clean = raw.strip(b"\\").replace(b"\\\\", b"|").replace(b"\\/", b"/")
    try:
        text = clean.decode("unicode_escape", "ignore")
    except (DeprecationWarning, ValueError):
        return raw
    # Two escapes are one character beyond the basic plane.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore").encode()


def _counts(sample: bytes) -> tuple[int, ...]:
    indent = sample.count(b"  ")
    if sample.isascii():
        found, rest = _by_class(sample, _WORDS)
        marks, _ = _by_class(rest, _MARKS)
        return (*found, *marks, *_NO_LEADS, indent, _runs(rest))
    found, rest = _by_class(sample.translate(None, _HIGH), _WORDS)
    marks, _ = _by_class(rest, _MARKS)
    scripts, symbols = _by_class(sample.translate(None, _NOT_LEADS), _LEADS)
    return (*found, *marks, *scripts, len(symbols), indent, _runs(rest))


def _by_class(rest: bytes, classes: Sequence[tuple[str, bytes]]) -> tuple[list[int], bytes]:
    """Counts, and what is left."""
    found: list[int] = []
    left = len(rest)
    for _, members in classes:
        if left:
            rest = rest.translate(None, members)
        found.append(left - len(rest))
        left = len(rest)
    return found, rest


def _runs(marks: bytes) -> int:
    return sum([marks.count(run) for run in _RUNS]) if len(marks) >= _RUN else 0
