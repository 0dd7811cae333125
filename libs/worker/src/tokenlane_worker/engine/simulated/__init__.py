"""An engine without a model: vLLM's scheduling and an OpenAI server's answers, in real or accelerated time.

What a request costs follows from its length, by the scheduler and step times of `tokenlane_fleet`; what it says is
made up from a hash of its body, so that the same body gets the same answer on every attempt and every worker. Every
answer says that it is simulated.
"""

from tokenlane_worker.engine.simulated.config import SimulatedEngineConfig
from tokenlane_worker.engine.simulated.engine import SimulatedEngine

__all__ = ["SimulatedEngine", "SimulatedEngineConfig"]
