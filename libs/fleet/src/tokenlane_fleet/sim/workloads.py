"""Traces made up or made from others: arrivals, mixes, lengths. Pure; the generator is an argument.

Rates are requests a second and exact: (requests - 1) / duration of what comes back, so that fleets are compared at
equal load. The first request comes at 0. All raise TraceError for what cannot be.
"""

from dataclasses import dataclass, replace

import numpy as np

from tokenlane_fleet.distribution import OUTPUT_SHARE, Distribution
from tokenlane_fleet.errors import TraceError
from tokenlane_fleet.sim.trace import Seconds, Tokens, Trace


@dataclass(frozen=True, slots=True)
class LogNormal:
    """Lengths by their median and 99th percentile, in tokens; cut at `longest`."""

    p50: float
    p99: float
    longest: int

    def draw(self, requests: int, rng: np.random.Generator) -> Tokens:
        """So many lengths, each at least 1."""
        if not 0 < self.p50 <= self.p99 or self.longest < 1:
            raise TraceError(f"no lengths have P50 {self.p50:g}, P99 {self.p99:g} and at most {self.longest} tokens")
        sigma = np.log(self.p99 / self.p50) / _Z99
        drawn = self.p50 * np.exp(sigma * rng.standard_normal(requests))
        return _whole(np.minimum(drawn, self.longest))


_Z99 = 2.3263478740408408
_CLOCK = 1e-3
# Prompts P50 7K, P90 27K, P99 85K (one log-normal has all three within 2 %); outputs P50 350, P99 1.1K. Together they
# fit a context of 131,072.
DOCUMENT_PROMPTS = LogNormal(p50=7_000, p99=85_000, longest=122_880)
DOCUMENT_OUTPUTS = LogNormal(p50=350, p99=1_100, longest=8_192)


def gamma_arrivals(requests: int, rate: float, cv: float, rng: np.random.Generator) -> Seconds:
    """Arrivals whose gaps are gamma-distributed with the coefficient of variation `cv`: 1 is a Poisson process, 0 a
    clock, more comes in bursts."""
    if requests < 1 or not rate > 0 or not cv >= 0 or not np.isfinite([rate, cv]).all():
        raise TraceError(f"no arrivals have {requests} requests, {rate:g} a second and a variation of {cv:g}")
    gaps = rng.standard_gamma(1 / cv**2, requests - 1) if cv > _CLOCK else np.ones(requests - 1)
    at = np.concatenate(([0.0], np.cumsum(gaps)))
    if requests == 1:
        return at
    wanted = (requests - 1) / rate
    # Few gaps with a large variation may all be zero: then the last one takes all of the time.
    return at / at[-1] * wanted if at[-1] > 0 else np.where(np.arange(requests) < requests - 1, 0.0, wanted)


def poisson_arrivals(requests: int, rate: float, rng: np.random.Generator) -> Seconds:
    """Arrivals of a Poisson process."""
    return gamma_arrivals(requests, rate, 1.0, rng)


def poisson(trace: Trace, rng: np.random.Generator) -> Trace:
    """The same requests in the same order at the same rate, arriving by a Poisson process."""
    return bursty(trace, 1.0, rng)


def bursty(trace: Trace, cv: float, rng: np.random.Generator) -> Trace:
    """The same requests in the same order at the same rate, with gamma gaps of variation `cv`."""
    return replace(trace, arrival_s=gamma_arrivals(len(trace), trace.rate, cv, rng))


def resampled(trace: Trace, requests: int, rate: float, rng: np.random.Generator) -> Trace:
    """So many requests drawn from the trace with replacement, prompts with their outputs, as a Poisson process."""
    arrivals = poisson_arrivals(requests, rate, rng)
    drawn = rng.integers(len(trace), size=requests)
    return Trace(trace.name, arrivals, trace.prompt_tokens[drawn], trace.output_tokens[drawn])


def mixed(
    a: Trace, b: Trace, share_b: float, rate: float, rng: np.random.Generator, requests: int | None = None
) -> Trace:
    """The pattern of `a` in time (stretched to `rate`), where `share_b` of the requests, chosen at random, have lengths
    drawn from `b`. `requests`: only so many, or where `a` has fewer, as a Poisson process of requests drawn from it.
    """
    if not 0 <= share_b <= 1:
        raise TraceError(f"a share must be in 0..1, got {share_b:g}")
    wanted = len(a) if requests is None else requests
    base = _head(a, wanted).at_rate(rate) if wanted <= len(a) else resampled(a, wanted, rate, rng)
    swapped = np.zeros(wanted, dtype=np.bool_)
    swapped[rng.permutation(wanted)[: round(share_b * wanted)]] = True
    drawn = rng.integers(len(b), size=wanted)
    return Trace(
        f"{a.name} + {share_b:.0%} {b.name}",
        base.arrival_s,
        np.where(swapped, b.prompt_tokens[drawn], base.prompt_tokens),
        np.where(swapped, b.output_tokens[drawn], base.output_tokens),
    )


def uniform(
    requests: int,
    rate: float,
    rng: np.random.Generator,
    prompt_tokens: tuple[int, int] = (1_024, 1_024),
    output_tokens: tuple[int, int] = (256, 256),
) -> Trace:
    """Requests of alike lengths, by default the same one: evenly drawn between both bounds, which are included."""
    for low, high in (prompt_tokens, output_tokens):
        if not 1 <= low <= high:
            raise TraceError(f"no lengths are between {low} and {high} tokens")
    arrivals = poisson_arrivals(requests, rate, rng)
    prompts = rng.integers(prompt_tokens[0], prompt_tokens[1], size=requests, endpoint=True)
    outputs = rng.integers(output_tokens[0], output_tokens[1], size=requests, endpoint=True)
    return Trace("uniform", arrivals, prompts, outputs)


def long_documents(
    requests: int,
    rate: float,
    rng: np.random.Generator,
    prompts: LogNormal = DOCUMENT_PROMPTS,
    outputs: LogNormal = DOCUMENT_OUTPUTS,
) -> Trace:
    """Questions about long documents, as a Poisson process."""
    arrivals = poisson_arrivals(requests, rate, rng)
    return Trace("long documents", arrivals, prompts.draw(requests, rng), outputs.draw(requests, rng))


def from_cdf(
    distribution: Distribution,
    requests: int,
    rate: float,
    rng: np.random.Generator,
    output_share: float = OUTPUT_SHARE,
    name: str = "distribution",
) -> Trace:
    """Requests with total tokens drawn from a distribution, interpolated and divided as `distribution` does, as a
    Poisson process."""
    arrivals = poisson_arrivals(requests, rate, rng)
    tokens = np.array([0.0, *(point[0] for point in distribution.points)])
    fractions = np.array([0.0, *(point[1] for point in distribution.points)])
    totals = np.maximum(_whole(np.interp(rng.random(requests), fractions, tokens)), 2)
    outputs = np.minimum(_whole(totals * output_share), totals - 1)
    return Trace(name, arrivals, totals - outputs, outputs)


def _whole(lengths: Seconds) -> Tokens:
    return np.maximum(np.rint(lengths), 1).astype(np.int64)


def _head(trace: Trace, requests: int) -> Trace:
    return trace.only(np.arange(len(trace)) < requests)
