"""Log probabilities of made-up tokens: the right fields, plausible numbers, the same on every attempt."""

from itertools import accumulate

from tokenlane_worker.engine.simulated.words import words

_STEP = 0.7


def _logprob(position: int) -> float:
    return -0.05 * (1 + position % 9)


def _ranked(piece: str, position: int, count: int) -> list[tuple[str, float]]:
    """The token itself and the next likely ones, `count` in all."""
    others = words(position + len(piece), count + 1)[1:]
    names = [piece, *(f"{other}~{rank}" for rank, other in enumerate(others))][:count]
    return [(name, _logprob(position) - _STEP * rank) for rank, name in enumerate(names)]


def _token(name: str, logprob: float) -> dict[str, object]:
    return {"token": name, "logprob": logprob, "bytes": list(name.encode())}


def chat_logprobs(pieces: list[str], first: int, alternatives: int) -> dict[str, object]:
    """For the tokens `pieces`, of which the first is number `first` of the answer."""
    content = [
        _token(piece, _logprob(at))
        | {"top_logprobs": [_token(name, value) for name, value in _ranked(piece, at, alternatives)]}
        for at, piece in enumerate(pieces, first)
    ]
    return {"content": content}


def completion_logprobs(pieces: list[str], first: int, alternatives: int, offset: int) -> dict[str, object]:
    """The same for a completion; `offset` is where in the text the first of `pieces` begins, in characters."""
    offsets = list(accumulate((len(piece) for piece in pieces), initial=offset))[:-1]
    return {
        "text_offset": offsets,
        "token_logprobs": [_logprob(at) for at, _ in enumerate(pieces, first)],
        "tokens": pieces,
        "top_logprobs": [dict(_ranked(piece, at, max(1, alternatives))) for at, piece in enumerate(pieces, first)],
    }
