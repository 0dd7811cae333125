"""Without lanes: two engines as `vllm serve` starts them, and requests to each in turn."""

from collections.abc import Iterable

from bench.lanes.engines import Engines
from bench.lanes.load import Round, client_of, measure_round
from bench.lanes.mix import mix


async def round_robin(seeds: Iterable[int], simulated: bool) -> list[Round]:
    """A round for each seed."""
    rounds = []
    with Engines((), (), simulated=simulated) as engines:
        clients = [client_of(engine.url) for engine in engines]
        for seed in seeds:
            asked = mix(seed)
            answered, steps, counters = await measure_round(asked, clients, engines)
            ran_on = {each.name: number % len(engines) for number, each in enumerate(asked)}
            rounds.append(Round(answered, ran_on, steps, counters))
        for client in clients:
            client.close()
    return rounds
