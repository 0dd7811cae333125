"""The six kinds of traffic of the study."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tokenlane_cli.traces.load import load
from tokenlane_fleet.errors import FleetSettingError
from tokenlane_fleet.sim import workloads
from tokenlane_fleet.sim.trace import Trace

BURST_CV = 13.0
DOCUMENT_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of traffic. Requests a second of a replica: `per_replica` where searches begin, `common` where latencies
    of all policies are compared."""

    key: str
    title: str
    per_replica: float
    common: float


CHAT = Kind("chat", "chat (Azure)", 3.0, 4.0)
LMSYS = Kind("lmsys", "chat (LMSYS)", 6.0, 6.0)
AGENTS = Kind("agents", "agents", 0.6, 0.5)
BURSTS = Kind("bursts", "bursts (Azure's lengths, CV 13)", 0.1, 0.4)
MIX = Kind("mix", "90 % chat + 10 % long documents", 1.2, 1.6)
UNIFORM = Kind("uniform", "uniform (1,024 + 256 tokens)", 4.0, 4.0)
KINDS = (CHAT, LMSYS, AGENTS, BURSTS, MIX, UNIFORM)


@dataclass(frozen=True, slots=True)
class Sources:
    """The files that traffic is made from."""

    azure: Path
    lmsys: Path | None
    agents: Path | None
    requests: int
    seed: int

    def trace(self, kind: Kind, rate: float, again: int = 0) -> Trace:
        """That traffic at so many requests a second; another draw of what is random for each `again`."""
        rng = np.random.default_rng([self.seed, [of.key for of in KINDS].index(kind.key), again])
        azure = load(self.azure, limit=self.requests).trace
        if kind is CHAT:
            made = azure.at_rate(rate)
        elif kind is LMSYS:
            made = load(_given(self.lmsys), limit=self.requests, rate=rate, seed=self.seed + again).trace
        elif kind is AGENTS:
            made = load(_given(self.agents), limit=self.requests, rate=rate, seed=self.seed + again).trace
        elif kind.key == BURSTS.key:
            made = workloads.bursty(azure.at_rate(rate), BURST_CV, rng)
        elif kind is MIX:
            documents = workloads.long_documents(self.requests, rate, rng)
            made = workloads.mixed(azure, documents, DOCUMENT_SHARE, rate, rng)
        else:
            made = workloads.uniform(self.requests, rate, rng)
        return replace(made, name=kind.title)


def _given(path: Path | None) -> Path:
    if path is None:
        raise FleetSettingError("that traffic is made from a file that was not given")
    return path
