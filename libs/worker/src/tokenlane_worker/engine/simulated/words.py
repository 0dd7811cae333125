"""The made-up text: a long ring of words in a fixed pseudo-random order, and for each word its JSON form.

A text is a cut from the ring, so that making an answer of any length costs two slices. A word with its space is about
the 4 bytes that `tokens` counts for a token.
"""

from typing import TypeVar

import msgspec

P = TypeVar("P")

OPENING = "[simulated] "
# No word holds it.
FIRST = OPENING[0]
_SIZE = 1 << 14
_LEXICON = (
    "a air all an arc art as at bay be big bit blue but by can cat city day dim dog dry dust each east eel elm end far "
    "few fig fir fog for fox gate go gold hay he hen high hill ice if in ink is it ivy jam jar key kit lake lamp leaf "
    "low map mist moon new no node not now oak of off oil old on one or our out owl own path pen pine rain red ring "
    "river road sea see she sky slow snow so some star sun tea the then they tide to tree two up wave we west wind you"
)


def _ring() -> list[str]:
    """A linear congruential generator of its own: the order must never change between versions of Python."""
    lexicon, state, words = _LEXICON.split(), 12_345, []
    for _ in range(_SIZE):
        state = (state * 1_103_515_245 + 12_345) % (1 << 31)
        words.append(" " + lexicon[(state >> 12) % len(lexicon)])
    return words


_RING = _ring() * 2
_ENCODED = [word.encode() for word in _RING]
_OPENING_JSON = OPENING.encode()


def words(start: int, count: int) -> list[str]:
    """`count` pieces of text: the opening, then words. Together they are the answer."""
    if count == 1:
        return [OPENING]
    first, *rest = _cut(_RING, start, count - 1)
    return [OPENING, first.lstrip(), *rest]


def words_json(start: int, count: int) -> list[bytes]:
    """The same pieces as the inside of JSON strings."""
    if count == 1:
        return [_OPENING_JSON]
    first, *rest = _cut(_ENCODED, start, count - 1)
    return [_OPENING_JSON, first.lstrip(), *rest]


def count_words(text: str) -> int:
    """Pieces of a beginning of a text of words, 0 if it does not open like one."""
    if not text.startswith(OPENING):
        return int(bool(text) and OPENING.startswith(text))
    said = text[len(OPENING) :]
    return 1 + len(said.split(" ")) if said else 1


def starts(start: int, text: str) -> bool:
    """Whether `text` is a beginning of the words from `start`."""
    pieces = count_words(text)
    return bool(pieces) and "".join(words(start, pieces)).startswith(text)


def escape(text: str) -> bytes:
    """Any text as the inside of a JSON string."""
    return msgspec.json.encode(text)[1:-1]


def _cut(ring: list[P], start: int, count: int) -> list[P]:
    start %= _SIZE
    if count <= _SIZE:
        return ring[start : start + count]
    turns = -(-count // _SIZE)
    return (ring[start : start + _SIZE] * turns)[:count]
