"""What each rule brings in each case, against central pull in order of arrival on the same traffic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.fleet.engines import h100
from bench.prefix.line import Choice, Rule
from bench.prefix.replica import Engine
from bench.prefix.simulate import Figures, figures, simulate
from bench.prefix.traffic import arrive, draw

CENTRAL = Rule(Choice.NONE)
RULES: Mapping[str, Rule] = {
    "central": CENTRAL,
    "order": Rule(Choice.ORDER),
    "owner": Rule(Choice.OWNER),
    "holder": Rule(Choice.HOLDER),
    "holder, 20 ms": Rule(Choice.HOLDER, 0.02),
    "holder, 100 ms": Rule(Choice.HOLDER, 0.1),
    "holder, 500 ms": Rule(Choice.HOLDER, 0.5),
    "least work": Rule(Choice.LEAST_WORK),
}
# The short lane's engine and time to first token, and from this prefix length on the long one's.
_LONG_FROM = 4_096
_SHORT, _LONG = (1_024, 128, 1.0), (4_096, 64, 5.0)


@dataclass(frozen=True, slots=True)
class Case:
    """`prefixes` system prompts of `length` tokens on so many replicas. `requests` for each replica."""

    replicas: int
    prefixes: int
    length: int
    requests: int
    seed: int

    @property
    def engine(self) -> Engine:
        """Llama-3-70B on 4 x H100 with the settings of a lane."""
        hardware = h100()
        step_tokens, sequences, _ = self._lane
        return Engine(hardware.cost, hardware.kv_tokens, self.length, step_tokens, sequences)

    @property
    def limit_s(self) -> float:
        """How long a first token may take."""
        return self._lane[2]

    @property
    def caches(self) -> float:
        """All system prompts, over what one replica's KV cache holds."""
        return self.prefixes * self.length / self.engine.kv_tokens

    @property
    def _lane(self) -> tuple[int, int, float]:
        return _SHORT if self.length < _LONG_FROM else _LONG

    def run(self, rate: float, rule: Rule) -> Figures:
        """`rate`: requests a second; infinity: all wait from the beginning."""
        requests = draw(self.requests * self.replicas, self.prefixes, self.seed)
        arrive(requests, rate, self.seed)
        simulate(requests, self.engine, self.replicas, rule)
        return figures(requests, self.limit_s)


@dataclass(frozen=True, slots=True)
class Found:
    """Of one case: figures by rule when all wait, and by load and rule. Loads are parts of what central pull finishes
    when all wait."""

    case: Case
    waiting: Mapping[str, Figures]
    loaded: Mapping[float, Mapping[str, Figures]]


def measure(case: Case, loads: Sequence[float]) -> Found:
    """Simulate one case. When all wait, nobody has to wait for a holder: one rule of each choice will do."""
    waiting = {name: case.run(float("inf"), rule) for name, rule in RULES.items() if not rule.wait_s}
    capacity = waiting["central"].rate
    loaded = {load: {name: case.run(load * capacity, rule) for name, rule in RULES.items()} for load in loads}
    return Found(case, waiting, loaded)
