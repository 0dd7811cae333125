"""The kind of text in a body, told from its bytes: bytes per token differ more between kinds than within one.

No decoding and no parse: a bounded sample is counted by the bytes type's own C loops.
"""

from enum import StrEnum

_SLICES = 8
_SLICE_BYTES = 1_024
_SAMPLE_BYTES = _SLICES * _SLICE_BYTES

# Lead bytes of UTF-8. Accented Latin (C2-CB) and typographic punctuation (E2) belong to Latin text.
_CJK_LEADS = bytes((*range(0xE3, 0xEE), 0xF0))
_OTHER_LEADS = bytes((*range(0xCC, 0xE2), 0xEE, 0xEF, *range(0xF1, 0xF5)))
_CODE_MARKS = b"{}[]()<>=;_\\/|&*+#$^~`@"
# What the JSON around one short message has of them.
_FRAMING_MARKS = 16
_DIGITS = b"0123456789"
_ESCAPE_BYTES = 6

# Shares of the sample's bytes; of a script, its lead bytes.
_SCRIPT_SHARE = 0.10
_ESCAPED_SHARE = 0.20
_CODE_SHARE = 0.07
_NUMERIC_SHARE = 0.25
_SPACED_SHARE = 0.05


class Category(StrEnum):
    """Kind of text by which a ratio is learned."""

    LATIN = "latin"
    CODE = "code"
    NUMERIC = "numeric"
    DENSE = "dense"
    CJK = "cjk"
    OTHER_SCRIPT = "other-script"
    ESCAPED_CJK = "escaped-cjk"
    ESCAPED = "escaped"


def categorize(body: bytes) -> Category:
    """The kind of text that prevails in `body`, from at most 8 KiB of it."""
    sample = _sample(body)
    return _script(sample) or _escaped(sample) or _ascii(sample)


def _sample(body: bytes) -> bytes:
    """`body`, or where it is long, slices spread evenly over it."""
    if len(body) <= _SAMPLE_BYTES:
        return body
    step = (len(body) - _SLICE_BYTES) // (_SLICES - 1)
    return b"".join([body[start : start + _SLICE_BYTES] for start in range(0, _SLICES * step, step)])


def _count(sample: bytes, wanted: bytes) -> int:
    return len(sample) - len(sample.translate(None, wanted))


def _script(sample: bytes) -> Category | None:
    if sample.isascii():
        return None
    threshold = _SCRIPT_SHARE * len(sample)
    cjk = _count(sample, _CJK_LEADS)
    other = _count(sample, _OTHER_LEADS)
    if cjk + other <= threshold:
        return None
    return Category.CJK if cjk >= other else Category.OTHER_SCRIPT


def _escaped(sample: bytes) -> Category | None:
    """Text whose letters are written as JSON's six-byte escapes. Code points below 0x2000 are alphabets, the others
    CJK, Hangul and surrogate pairs; accented Latin (00xx) and typographic punctuation (20xx) belong to Latin text."""
    escapes = sample.count(b"\\u")
    if escapes * _ESCAPE_BYTES <= _ESCAPED_SHARE * len(sample):
        return None
    latin = sample.count(b"\\u00") + sample.count(b"\\u20")
    letters = escapes - latin
    if letters * _ESCAPE_BYTES <= _ESCAPED_SHARE * len(sample):
        return None
    alphabet = sample.count(b"\\u0") + sample.count(b"\\u1") - sample.count(b"\\u00")
    return Category.ESCAPED if alphabet * 2 >= letters else Category.ESCAPED_CJK


def _ascii(sample: bytes) -> Category:
    size = len(sample)
    if _count(sample, _DIGITS) > _NUMERIC_SHARE * size:
        return Category.NUMERIC
    if _count(sample, _CODE_MARKS) > _CODE_SHARE * size + _FRAMING_MARKS:
        return Category.CODE
    return Category.LATIN if sample.count(b" ") >= _SPACED_SHARE * size else Category.DENSE
