"""Prompt estimates against others, on real tokenizers: `python -m bench.estimators.prompt [--text FOLDER] [--seeds N]`.

Each seed: of every kind of text as many documents as `--learned` are learned from, in random order; then others, of
text that has no sentence in common with them, are estimated, and nothing more is learned. FOLDER has a file of
paragraphs for each language (`english.txt` ...); without it translations that installed packages carry serve, of which
the longest documents take up much. Tokenizers: those of `tests.support.vocabularies` that are installed.
"""

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from bench.estimators.prompt_contenders import Averages, Classes, Contender, Fixed, OneRegression
from tests.support.documents import KINDS, Document, documents
from tests.support.vocabularies import installed, prompt_tokens
from tokenlane.v1.request_pb2 import Facts
from tokenlane_proto.openai_body import read_facts

_BOUNDARIES = (1_024, 2_048, 4_096, 8_192)
_CONTENDERS: dict[str, Callable[[], Contender]] = {
    "4 bytes a token": Fixed,
    "average by category": Averages,
    "one regression": OneRegression,
    "tokenlane": Classes,
}


class Case(NamedTuple):
    """A document, and its tokens by tokenizer."""

    document: Document
    facts: Facts
    tokens: dict[str, int]


class Result(NamedTuple):
    """One estimate."""

    kind: str
    seed: int
    expected: float
    cautious: float
    tokens: int


def cases(half: int, number: int, seed: int, texts: Path | None) -> list[Case]:
    """Documents of all kinds in random order."""
    counts = installed()
    found = [one for kind in KINDS for one in documents(kind, half, number, seed, texts)]
    random.Random(seed).shuffle(found)
    return [
        Case(one, read_facts(one.body)[1], {name: prompt_tokens(count, one.messages) for name, count in counts.items()})
        for one in found
    ]


def results(
    contender: Contender, tokenizer: str, learned: Sequence[Case], tested: Sequence[Case], seed: int
) -> list[Result]:
    """What `contender` estimates of the tested ones."""
    for case in learned:
        contender.observe(case.facts, case.document.body, case.tokens[tokenizer])
    return [
        Result(case.document.kind, seed, *contender.estimate(case.facts, case.document.body), case.tokens[tokenizer])
        for case in tested
    ]


def mean_error(found: Sequence[Result]) -> float:
    """How far the mean of estimate / tokens is from 1 in the worst of the seeds. Unit: percent."""
    seeds = {one.seed for one in found}
    means = (fmean(one.expected / one.tokens for one in found if one.seed == seed) for seed in seeds)
    return 100 * max(abs(mean - 1) for mean in means)


def single_error(found: Sequence[Result]) -> float:
    """Mean error of a single request. Unit: percent."""
    return 100 * fmean(abs(one.expected / one.tokens - 1) for one in found)


def misrouted(found: Sequence[Result], boundary: int) -> float:
    """Share of requests whose prompt alone is put on the wrong side. Unit: percent."""
    return 100 * fmean((one.cautious <= boundary) != (one.tokens <= boundary) for one in found)


def by_kind(found: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of each kind."""
    return {kind: [one for one in found if one.kind == kind] for kind in KINDS}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=Path, help="folder of texts, a file of paragraphs for each language")
    parser.add_argument("--learned", type=int, default=50, help="documents of each kind that are learned from")
    parser.add_argument("--tested", type=int, default=50, help="documents of each kind that are estimated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    chosen = parser.parse_args()
    found: dict[str, dict[str, list[Result]]] = {name: {} for name in _CONTENDERS}
    for seed in range(chosen.seeds):
        learned = cases(0, chosen.learned, seed, chosen.text)
        tested = cases(1, chosen.tested, seed, chosen.text)
        for tokenizer in installed():
            for name, make in _CONTENDERS.items():
                found[name].setdefault(tokenizer, []).extend(results(make(), tokenizer, learned, tested, seed))
    rows = [_row(name, tokenizer, found[name][tokenizer]) for tokenizer in installed() for name in _CONTENDERS]
    print(
        _table(("tokenizer", "estimate", "mean error, worst kind", "single request", *map(_short, _BOUNDARIES)), rows)
    )
    print()
    print(_kinds(found["tokenlane"]))
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


def _row(name: str, tokenizer: str, own: Sequence[Result]) -> tuple[str, ...]:
    worst = max(mean_error(part) for part in by_kind(own).values())
    shares = (f"{misrouted(own, boundary):.2f} %" for boundary in _BOUNDARIES)
    return (tokenizer, name, f"{worst:.1f} %", f"{single_error(own):.1f} %", *shares)


def _kinds(found: dict[str, list[Result]]) -> str:
    rows = []
    for kind in KINDS:
        parts = [by_kind(own)[kind] for own in found.values()]
        rows.append((kind, *(f"{mean_error(part):.1f} / {single_error(part):.1f} %" for part in parts)))
    return _table(("mean / single request", *found), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _short(boundary: int) -> str:
    return f"misrouted at {boundary // 1024}K"


if __name__ == "__main__":
    main()
