"""An engine in steps: chunked prefill beside decoding, a step's time by the fleet simulator's roofline. Simplified: no
preemption, all that decodes gets a token a step, prompts are computed one after the other."""

import heapq
from collections import deque
from dataclasses import dataclass

from bench.prefix.cache import KvCache
from bench.prefix.traffic import Request
from tokenlane_fleet.cost import StepCost
from tokenlane_fleet.kernel.seconds import seconds

# Steps' work of prompts that are not computed above which nothing is pulled, as workers have it.
_STEPS_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Engine:
    """Lengths and capacities in tokens. `prefix`: length of the system prompts."""

    cost: StepCost
    kv_tokens: int
    prefix: int
    step_tokens: int
    sequences: int


class Replica:
    """One engine. `busy`: a step is under way."""

    def __init__(self, engine: Engine, number: int) -> None:
        self.number = number
        self.cache = KvCache(engine.kv_tokens, engine.prefix)
        self.busy = False
        # When it began a request last.
        self.parked_s = 0.0
        self._engine = engine
        # Prompts, and what of them is computed.
        self._prompts: deque[tuple[Request, int]] = deque()
        self._uncomputed = 0
        # What decodes, by the step that is its last.
        self._decoding: list[tuple[int, int, Request]] = []
        self._contexts = 0
        self._step = 0
        self._drawn = 0
        self._computed: list[Request] = []

    @property
    def idle(self) -> bool:
        """Nothing to do."""
        return not self._prompts and not self._decoding

    def has_room(self, request: Request) -> bool:
        """Whether its worker pulls, and the request fits."""
        engine = self._engine
        return (
            len(self._prompts) + len(self._decoding) < engine.sequences
            and self._uncomputed < _STEPS_AHEAD * engine.step_tokens
            and self.cache.fits(request)
        )

    def work(self, request: Request) -> int:
        """Prompt tokens that it would have to compute until this request's first token."""
        return self._uncomputed + request.own + (0 if self.cache.holds(request.prefix) else self._engine.prefix)

    def begin(self, request: Request, now_s: float) -> None:
        """It is here now."""
        request.hit = self.cache.begin(request)
        done = self._engine.prefix if request.hit else 0
        self._prompts.append((request, done))
        self._uncomputed += self._engine.prefix + request.own - done
        self.parked_s = now_s

    def step(self) -> float:
        """Begin a step. Its length in seconds."""
        engine, decoding, contexts = self._engine, len(self._decoding), self._contexts
        prefill = pairs = prompts = 0
        left = max(1, engine.step_tokens - decoding)
        while self._prompts and left:
            request, done = self._prompts.popleft()
            length = engine.prefix + request.own
            chunk = min(left, length - done)
            left -= chunk
            prefill += chunk
            prompts += 1
            contexts += done + chunk
            pairs += chunk * done + chunk * (chunk + 1) // 2
            if done + chunk < length:
                self._prompts.appendleft((request, done + chunk))
            else:
                self._computed.append(request)
        self._uncomputed -= prefill
        self.busy = True
        return float(seconds(engine.cost, prefill, decoding, decoding + prompts, contexts, pairs))

    def finish(self, now_s: float) -> None:
        """The step is over."""
        self.busy = False
        self._step += 1
        self._contexts += len(self._decoding)
        for request in self._computed:
            request.first_s = now_s
            self._drawn += 1
            heapq.heappush(self._decoding, (self._step + request.output - 1, self._drawn, request))
            self._contexts += self._engine.prefix + request.own + 1
        self._computed.clear()
        while self._decoding and self._decoding[0][0] <= self._step:
            request = heapq.heappop(self._decoding)[2]
            request.end_s = now_s
            self._contexts -= self._engine.prefix + request.own + request.output
            self.cache.end(request)
