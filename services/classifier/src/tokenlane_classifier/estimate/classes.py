"""Characters of a body by class, counted by the bytes type's own C loops on a bounded sample. Pure.

A tokenizer makes about as many tokens of a letter, a digit, a Han character each time. How many, is learned
(`regression`); here they are counted. Letters that JSON writes as escapes count as what they are.
"""

import re
from collections.abc import Iterable, Sequence

# Many short slices: bodies are made of pieces of several kinds.
_SLICES = 32
_SLICE_BYTES = 256
SAMPLE_BYTES = _SLICES * _SLICE_BYTES

# One class a bit of a byte: a table makes such bytes of a text, and read as one integer they give up each class by one
# mask. Letters and spaces, which are most of a text, go before. `escape`: in a string a new line is a backslash and a
# letter. UTF-8 by its lead bytes, one for each character; `kana` holds CJK punctuation, too, `accented` the typographic
# one (E2) and the letters of Vietnamese (E1).
_WORDS = b"abcdefghijklmnopqrstuvwxyz "
_UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = b"0123456789"
_NOT_MARKS = _UPPER + _DIGITS
_INK: tuple[tuple[str, bytes], ...] = (
    ("upper", _UPPER),
    ("digit", _DIGITS),
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
NAMES: tuple[str, ...] = ("lower", "space", *(name for name, _ in (*_INK, *_LEADS)), "symbol", "indent", "run")
REPEATED = ("indent", "run")
_RUN = 8
_RUN_MARKS = b"#-=*"
_RUNS = tuple(bytes((mark,)) * _RUN for mark in _RUN_MARKS)
_NO_LEADS = (0,) * (len(_LEADS) + 1)
_HIGH = bytes(range(0x80, 0x100))
_NOT_LEADS = bytes(range(0xC0))
_UNICODE_ESCAPE = re.compile(rb"\\u")
_ESCAPE_BYTES = 6
_NOTHING = (0,) * len(NAMES)
_UINT32_MAX = 2**32 - 1
_BITS = 8
_MASKS = tuple(int.from_bytes(bytes((1 << bit,)) * SAMPLE_BYTES, "little") for bit in range(_BITS))


def _table(classes: Iterable[bytes]) -> bytes:
    """For each byte value the bits of its classes."""
    table = bytearray(256)
    for bit, members in enumerate(classes):
        for member in members:
            table[member] |= 1 << bit
    return bytes(table)


_SPACES = _table((b" ",))
_INK_BITS = _table((*(members for _, members in _INK), _RUN_MARKS))
_LEAD_BITS = _table(members for _, members in _LEADS)


def count(text: bytes, size: int) -> tuple[int, ...]:
    """Characters by class, in the order of NAMES, of `size` bytes of which `text` is the whole or the beginning. Where
    it is long, slices spread evenly over it stand for it."""
    slices = _slices(text)
    raw = b"".join(slices)
    length = len(raw)
    if not length or not size:
        return _NOTHING
    if raw.isascii() and _UNICODE_ESCAPE.search(raw):
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
    spaces = int.from_bytes(sample.translate(_SPACES), "little")
    space = spaces.bit_count()
    indent = sample.count(b"  ") if spaces & spaces >> _BITS else 0
    rest = sample.translate(None, _WORDS)
    lower = len(sample) - space - len(rest)
    leads: Sequence[int] = _NO_LEADS
    if not sample.isascii():
        leads, rest = _leads(rest.translate(None, _NOT_LEADS)), rest.translate(None, _HIGH)
    *ink, run_marks = _by_class(rest.translate(_INK_BITS), len(_INK) + 1)
    runs = _runs(rest.translate(None, _NOT_MARKS)) if run_marks >= _RUN else 0
    return (lower, space, *ink, *leads, indent, runs)


def _leads(leads: bytes) -> list[int]:
    found = _by_class(leads.translate(_LEAD_BITS), len(_LEADS))
    return [*found, len(leads) - sum(found)]


def _by_class(bits: bytes, classes: int) -> list[int]:
    """How many of `bits` have the first bit, the second, and so on."""
    number = int.from_bytes(bits, "little")
    return [(number & mask).bit_count() for mask in _MASKS[:classes]]


def _runs(marks: bytes) -> int:
    return sum([marks.count(run) for run in _RUNS])
