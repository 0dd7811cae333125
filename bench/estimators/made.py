"""Traffic made up, to see what a trace without routes cannot show. Sizes and laws are assumptions, the draws are
seeded."""

import numpy as np
from numpy.typing import NDArray

from bench.estimators.requests import PLAIN, Asked, Traffic
from tokenlane_classifier.estimate.route import Route
from tokenlane_fleet.sim.trace import Trace
from tokenlane_fleet.sim.workloads import LogNormal, gamma_arrivals, long_documents, mixed, poisson_arrivals

REQUESTS = 20_000
RATE = 5.0
BURST_CV = 13.0
ROUTES = 60
_CONSTANT = 6
LIMITS = (0, 0, 0, 256, 1_024, 4_096)
_CHAT_PROMPTS = LogNormal(p50=800, p99=6_000, longest=30_000)
_CHAT_OUTPUTS = LogNormal(p50=180, p99=1_500, longest=8_192)
_TAIL_OUTPUTS = LogNormal(p50=120, p99=12_000, longest=65_536)


def made(seed: int) -> list[Traffic]:
    """All of it."""
    rng = np.random.default_rng(seed)
    return [bursty(rng), long_tailed(rng), routes(rng), drifting(rng)]


def bursty(rng: np.random.Generator) -> Traffic:
    """Chat and one in ten a long document, in bursts; what comes in a burst is of one kind."""
    arrivals = gamma_arrivals(REQUESTS, RATE, BURST_CV, rng)
    chat = Trace("chat", arrivals, _CHAT_PROMPTS.draw(REQUESTS, rng), _CHAT_OUTPUTS.draw(REQUESTS, rng))
    trace = mixed(chat, long_documents(REQUESTS, RATE, rng), 0.1, RATE, rng)
    gaps = np.diff(trace.arrival_s, prepend=0.0)
    bursts = np.cumsum(gaps > 1.0)
    laws = rng.lognormal(0.0, 0.7, bursts[-1] + 1)
    outputs = np.maximum(1, np.rint(trace.output_tokens * laws[bursts])).astype(np.int64)
    return plain("bursty", Trace("bursty", trace.arrival_s, trace.prompt_tokens, outputs))


def long_tailed(rng: np.random.Generator) -> Traffic:
    """Half of the outputs are below 120 tokens, one in a hundred above 12,000; prompts say nothing of them."""
    prompts = LogNormal(p50=600, p99=20_000, longest=120_000).draw(REQUESTS, rng)
    arrivals = poisson_arrivals(REQUESTS, RATE, rng)
    return plain("long-tailed", Trace("long-tailed", arrivals, prompts, _TAIL_OUTPUTS.draw(REQUESTS, rng)))


def routes(rng: np.random.Generator) -> Traffic:
    """Sixty routes of eight tenants, used by Zipf's law, each with its own outputs, always the same for every
    sixth, and some with `max_tokens`."""
    return _routed("routes", rng, np.zeros(REQUESTS, dtype=np.int64))


def drifting(rng: np.random.Generator) -> Traffic:
    """The same, and twice all routes change what they produce."""
    return _routed("routes that change", rng, np.arange(REQUESTS, dtype=np.int64) * 3 // REQUESTS)


def plain(name: str, trace: Trace) -> Traffic:
    """A trace as one route."""
    columns = zip(trace.arrival_s.tolist(), trace.prompt_tokens.tolist(), trace.output_tokens.tolist(), strict=True)
    return Traffic(name, [Asked(round(at_s * 1e3), PLAIN, prompt, output) for at_s, prompt, output in columns])


def _routed(name: str, rng: np.random.Generator, phase: NDArray[np.int64]) -> Traffic:
    popularity = 1 / np.arange(1, ROUTES + 1)
    which = rng.choice(ROUTES, REQUESTS, p=popularity / popularity.sum())
    at_ms = np.rint(poisson_arrivals(REQUESTS, RATE, rng) * 1e3).astype(np.int64)
    known = [Route(f"tenant-{n % 8}", "model", 1, n + 1, n % 3, int(rng.choice(LIMITS))) for n in range(ROUTES)]
    medians = rng.lognormal(np.log(200), 1.0, (3, ROUTES))
    spreads = rng.uniform(0.1, 0.8, ROUTES)
    spreads[::_CONSTANT] = 0.0
    prompts = rng.lognormal(np.log(900), 0.9, ROUTES)
    requests = []
    for now, route, law in zip(at_ms.tolist(), which.tolist(), phase.tolist(), strict=True):
        prompt = max(1, round(prompts[route] * rng.lognormal(0.0, 0.2)))
        output = max(1, round(medians[law, route] * rng.lognormal(0.0, spreads[route])))
        limit = known[route].max_output_tokens
        requests.append(Asked(now, known[route], prompt, min(output, limit) if limit else output))
    return Traffic(name, requests)
