"""Kinds of text, told from the counts of its characters. Each learns by itself, for each errs in its own way. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from tokenlane_classifier.estimate.classes import NAMES, REPEATED

# Shares. Of a script: its characters among all letters. Of the others: among what is no space.
_SCRIPT_SHARE = 0.075
_KANA_SHARE = 0.15
_NUMERIC_SHARE = 0.3
_IDS_SHARE = 0.6
_QUOTE_SHARE = 0.05
_CODE_SHARE = 0.06
# Spaces among all characters.
_SPACED_SHARE = 0.05
# What the JSON around one message has of them.
_FRAMING_LETTERS = 60
_FRAMING_QUOTES = 24
_FRAMING_CODE = 8

_INDEX = {name: place for place, name in enumerate(NAMES)}
_CHARACTERS = len(NAMES) - len(REPEATED)
_SCRIPTS = slice(_INDEX["han"], _INDEX["indic"] + 1)
_LOWER, _SPACE, _UPPER, _DIGIT, _ESCAPE = (_INDEX[name] for name in ("lower", "space", "upper", "digit", "escape"))
_QUOTE, _CODE, _HAN, _KANA, _ACCENTED = (_INDEX[name] for name in ("quote", "code", "han", "kana", "accented"))


class Category(StrEnum):
    """Kind of text by which tokens are learned."""

    LATIN = "latin"
    CODE = "code"
    JSON = "json"
    NUMERIC = "numeric"
    DENSE = "dense"
    HAN = "han"
    HANGUL = "hangul"
    KANA = "kana"
    CYRILLIC = "cyrillic"
    ARABIC = "arabic"
    INDIC = "indic"
    MIXED = "mixed"
    MEDIA = "media"
    TOKEN_IDS = "token-ids"


_BY_SCRIPT = (Category.HAN, Category.HANGUL, Category.KANA, Category.CYRILLIC, Category.ARABIC, Category.INDIC)


def categorize(counts: Sequence[int], messages: int, media_parts: int) -> Category:
    """The kind of a body with these counts (in the order of NAMES). `messages` is 0 where there is a prompt instead,
    which may be a list of token ids."""
    if media_parts:
        return Category.MEDIA
    return _script(counts, max(1, messages)) or _ascii(counts, messages)


def _script(counts: Sequence[int], messages: int) -> Category | None:
    scripts = counts[_SCRIPTS]
    total = sum(scripts)
    if not total:
        return None
    latin = max(0, counts[_LOWER] + counts[_UPPER] + counts[_ACCENTED] - _FRAMING_LETTERS - messages * _FRAMING_QUOTES)
    if total <= _SCRIPT_SHARE * (latin + total):
        return None
    if latin > total:
        return Category.MIXED
    # Japanese is written in Han, too.
    if counts[_KANA] > _KANA_SHARE * total and counts[_KANA] + counts[_HAN] > total / 2:
        return Category.KANA
    return _BY_SCRIPT[scripts.index(max(scripts))]


def _ascii(counts: Sequence[int], messages: int) -> Category:
    space, framed = counts[_SPACE], max(1, messages)
    ink = sum(counts[:_CHARACTERS]) - space - counts[_ESCAPE]
    digits = counts[_DIGIT]
    if digits > _NUMERIC_SHARE * ink:
        ids = messages == 0 and digits > _IDS_SHARE * ink and not counts[_ESCAPE]
        return Category.TOKEN_IDS if ids else Category.NUMERIC
    if counts[_QUOTE] > _QUOTE_SHARE * ink + framed * _FRAMING_QUOTES:
        return Category.JSON
    if counts[_CODE] > _CODE_SHARE * ink + framed * _FRAMING_CODE:
        return Category.CODE
    return Category.LATIN if space >= _SPACED_SHARE * (ink + space) else Category.DENSE
