"""An engine without a model: vLLM's scheduling and an OpenAI server's answers, in real or accelerated time.

What a request costs follows from its length, by the scheduler and step times of `tokenlane_fleet`; what it says is
made up from a hash of what is asked, so that the same question gets the same answer on every attempt and every worker,
and an answer that was begun elsewhere is gone on with. Every answer says that it is simulated.
"""

from tokenlane_worker.engine.simulated.config import SimulatedEngineConfig
from tokenlane_worker.engine.simulated.engine import SimulatedEngine

__all__ = ["SimulatedEngine", "SimulatedEngineConfig"]
