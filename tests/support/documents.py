"""Prompts of several kinds of text, no two alike: real prose and code, made-up records and numbers."""

import base64
import json
import math
import random
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tests.support.translations import LANGUAGES, paragraphs

PROSE = LANGUAGES
MIXTURES: Mapping[str, tuple[str, str]] = {"korean+code": ("korean", "code"), "chinese+english": ("chinese", "english")}
KINDS = (*PROSE, "code", "json", "numbers", "base64", *MIXTURES)

# Bytes of text in a prompt, of which the logarithm is uniform.
LENGTHS = (400, 40_000)
_CODE_LINES = 40
_MODEL = "m"


class Document(NamedTuple):
    """A chat of one kind of text, and the body that it is asked with."""

    kind: str
    messages: tuple[str, ...]
    body: bytes


def documents(
    kind: str, half: int, number: int, seed: int, texts: Path | None = None, lengths: tuple[int, int] = LENGTHS
) -> Iterator[Document]:
    """`number` documents from one half (0 or 1) of what there is of a kind: what one half says, the other does not.
    Within a document nothing is said twice. `texts`: a folder with a file of paragraphs for each language, in
    place of what installed packages carry."""
    rng = random.Random(f"{kind} {half} {seed}")
    low, high = map(math.log, lengths)
    for _ in range(number):
        text = _text(kind, half, int(math.exp(rng.uniform(low, high))), rng, texts)
        messages = _cut(text, rng.choice((1, 1, 2, 4, 8)))
        yield Document(kind, messages, _body(messages, rng.random() < 0.3))


def _text(kind: str, half: int, size: int, rng: random.Random, texts: Path | None) -> str:
    """Pieces of `size` bytes in all, or all that there are."""
    sources = [_pieces(part, half, rng, texts) for part in MIXTURES.get(kind, (kind,))]
    found: list[str] = []
    missing = size
    for pieces in zip(*sources, strict=False):
        for piece in pieces:
            cut = piece.encode()[:missing].decode(errors="ignore")
            found.append(cut)
            missing -= len(cut.encode()) + 1
            if missing <= 0:
                return "\n".join(found)
    return "\n".join(found)


def _pieces(kind: str, half: int, rng: random.Random, texts: Path | None) -> Iterator[str]:
    if kind in PROSE or kind == "code":
        known = _code() if kind == "code" else _prose(kind, texts)
        mine = known[half::2]
        return iter(rng.sample(mine, len(mine)))
    return {"json": _records, "numbers": _tables, "base64": _data}[kind](rng)


@lru_cache
def _prose(language: str, folder: Path | None) -> tuple[str, ...]:
    if folder is None:
        return paragraphs(language)
    return tuple((folder / f"{language}.txt").read_text(encoding="utf-8").splitlines())


@lru_cache
def _code() -> tuple[str, ...]:
    """Pieces of the standard library's modules."""
    pieces: list[str] = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        pieces += ["\n".join(lines[at : at + _CODE_LINES]) for at in range(0, len(lines), _CODE_LINES)]
    return tuple(pieces)


def _records(rng: random.Random) -> Iterator[str]:
    words = [word for line in paragraphs("english") for word in line.split() if word.isalpha()]
    indent = rng.choice((None, 2))
    while True:
        record = {
            "id": rng.randrange(10**9),
            "name": " ".join(rng.sample(words, 3)),
            "price": round(rng.lognormvariate(3, 1), 2),
            "tags": rng.sample(words, rng.randint(0, 4)),
            "active": rng.random() < 0.5,
            "created": f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T{rng.randint(0, 23):02}:00:00Z",
            "parent": {"id": f"{rng.getrandbits(64):016x}", "note": " ".join(rng.sample(words, rng.randint(3, 12)))},
        }
        yield json.dumps(record, indent=indent) + ","


def _tables(rng: random.Random) -> Iterator[str]:
    digits = [rng.choice((0, 2, 4)) for _ in range(rng.randint(2, 8))]
    while True:
        yield ",".join(f"{rng.lognormvariate(2, 3):.{places}f}" for places in digits)


def _data(rng: random.Random) -> Iterator[str]:
    while True:
        yield base64.b64encode(rng.randbytes(rng.randint(200, 3_000))).decode()


def _cut(text: str, parts: int) -> tuple[str, ...]:
    step = -(-len(text) // parts)
    return tuple(text[at : at + step] for at in range(0, len(text), step))


def _body(messages: Sequence[str], escaped: bool) -> bytes:
    """Half the world's clients write what is not ASCII as JSON's escapes."""
    turns = [{"role": ("user", "assistant")[turn % 2], "content": text} for turn, text in enumerate(messages)]
    return json.dumps({"model": _MODEL, "messages": turns, "temperature": 0.7}, ensure_ascii=escaped).encode()
