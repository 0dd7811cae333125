"""How much load a tuned policy keeps, and how few replicas it needs."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

from bench.fleet.contenders import Contender, Setting
from bench.fleet.two_pools import fewest_sharing
from tokenlane_fleet.hardware.hardware import Hardware
from tokenlane_fleet.plan.design import Candidate, Engine
from tokenlane_fleet.plan.search import Search, tuned
from tokenlane_fleet.plan.settings import Effort
from tokenlane_fleet.plan.sizing import Size, fewest
from tokenlane_fleet.plan.trials import Trial, Trials
from tokenlane_fleet.plan.workload import workload
from tokenlane_fleet.sim.budgets import exact
from tokenlane_fleet.sim.result import Result
from tokenlane_fleet.sim.run import simulate
from tokenlane_fleet.sim.slo import Slo, meets
from tokenlane_fleet.sim.trace import Tokens, Trace

_FACTOR, _PRECISION = 1.15, 1.005


@dataclass(frozen=True, slots=True)
class Bench:
    """What all figures of one study share. `believed`: the budgets of a trace's requests; lengths are known if not."""

    hardware: Hardware
    slo: Slo
    executor: Executor
    effort: Effort
    believed: Callable[[Trace], Tokens] = exact

    def search(self, most: int) -> Search:
        """A search that remembers its own simulations alone."""
        return Search(Trials(simulate, self.executor, self.hardware), self.effort, most)

    def result(self, trace: Trace, candidate: Candidate) -> Result:
        """What becomes of each request."""
        trial = Trial(workload(trace, self.slo, self.believed(trace)), 0, candidate.design, candidate.replicas)
        with ThreadPoolExecutor(1) as alone:
            return Trials(simulate, alone, self.hardware).results([trial])[0]

    def tuned(self, trace: Trace, contender: Contender, replicas: int, known: Sequence[Engine]) -> Candidate:
        """The contender at its best for that traffic with so many replicas; as it begins if it keeps the objectives at
        no load. One that is not to be tuned has its lanes' sizes chosen."""
        of = workload(trace, self.slo)
        starts = contender.starts(Setting(self.hardware, of, replicas, tuple(known)))
        sweeps = None if contender.tuned else 0
        found = tuned(self.search(replicas), of, starts, sweeps=sweeps)
        return starts[0] if found is None else found.candidate

    def highest_rate(self, trace: Trace, candidate: Candidate, guess: float | None = None) -> float:
        """Requests a second that it keeps, within 0.5 %; 0 if below a thousandth of the trace's. Quick if `guess` is
        near."""
        low = high = guess or trace.rate
        factor = _FACTOR
        while not self.keeps(trace.at_rate(low), candidate):
            high, low, factor = low, low / factor, factor**2
            if low < trace.rate / 1000:
                return 0.0
        if low == high:
            while self.keeps(trace.at_rate(high := low * factor), candidate):
                low, factor = high, factor**2
        while high / low > _PRECISION:
            middle = (low * high) ** 0.5
            low, high = (middle, high) if self.keeps(trace.at_rate(middle), candidate) else (low, middle)
        return low

    def fewest(self, trace: Trace, candidate: Candidate, most: int) -> Size:
        """Replicas for that traffic with the candidate's settings, beginning at its own size."""
        of, trials = workload(trace, self.slo), self.search(most).trials
        size = fewest(trials, of, candidate.design, candidate.replicas, most)
        if size.kept or len(candidate.replicas) != 2 or not trials.separable(of, candidate.design):
            return size
        return fewest_sharing(trials, of, candidate, most)

    def keeps(self, trace: Trace, candidate: Candidate) -> bool:
        """Whether each class attains."""
        return meets(self.result(trace, candidate), self.slo)


def scaled(candidate: Candidate, factor: float) -> Candidate:
    """About `factor` times its replicas, in the same proportions."""
    return Candidate(candidate.design, tuple(max(1, round(count * factor)) for count in candidate.replicas))
