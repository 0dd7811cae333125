"""The most that could be had: lanes chosen with the outputs of the whole trace at hand."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from bench.estimators.requests import Asked
from bench.estimators.scoring import BOUNDARIES
from tokenlane_classifier.estimate.route import Route

THRESHOLD = "the best threshold on the prompt, by route"
OTHERS = "all other requests of the route with this very prompt length"
ITSELF = "those and the request itself: no rule on route and prompt length exceeds it"


def agreement(requests: Sequence[Asked]) -> dict[str, dict[int, float]]:
    """By what is known and by boundary: the share of requests whose lane comes out right. Where no other request has
    the same prompt length, the threshold decides."""
    found: dict[str, dict[int, float]] = {THRESHOLD: {}, OTHERS: {}, ITSELF: {}}
    for edge in BOUNDARIES:
        short = [each.prompt_tokens + each.output_tokens <= edge for each in requests]
        by_threshold = _thresholds(requests, short)
        tally = Counter((each.route, each.prompt_tokens, fits) for each, fits in zip(requests, short, strict=True))
        by_others = by_itself = 0
        for each, fits in zip(requests, short, strict=True):
            alike, unlike = (tally[each.route, each.prompt_tokens, answer] for answer in (fits, not fits))
            by_itself += alike >= unlike
            others = alike - 1 - unlike
            by_others += others > 0 or (others == 0 and (each.prompt_tokens <= by_threshold[each.route]) == fits)
        right = sum(
            (each.prompt_tokens <= by_threshold[each.route]) == fits for each, fits in zip(requests, short, strict=True)
        )
        for name, count in ((THRESHOLD, right), (OTHERS, by_others), (ITSELF, by_itself)):
            found[name][edge] = count / len(requests)
    return found


def _thresholds(requests: Sequence[Asked], short: Sequence[bool]) -> dict[Route, int]:
    """By route, the longest prompt that goes to the short lane so that most requests are right."""
    routes: dict[Route, list[tuple[int, bool]]] = defaultdict(list)
    for each, fits in zip(requests, short, strict=True):
        routes[each.route].append((each.prompt_tokens, fits))
    return {route: _threshold(sorted(own)) for route, own in routes.items()}


def _threshold(prompts: Sequence[tuple[int, bool]]) -> int:
    best, most, gained = 0, 0, 0
    for index, (prompt, fits) in enumerate(prompts):
        gained += 1 if fits else -1
        last_of_its_length = index + 1 == len(prompts) or prompts[index + 1][0] > prompt
        if last_of_its_length and gained > most:
            best, most = prompt, gained
    return best
