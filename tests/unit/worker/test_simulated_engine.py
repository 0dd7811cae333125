"""The engine as a worker meets it: start, time, cancellation, preemption, death."""

import asyncio
import time

import pytest

from tests.unit.worker.simulated import CHAT, MODEL, Recorder, asked, chat, completion, engine, run
from tokenlane_fleet import Profile, SchedulerLimits, StepCost, find_profile
from tokenlane_worker.engine.errors import EngineLostError, EngineStartError, EngineUnavailableError
from tokenlane_worker.engine.protocol import Engine, EngineInfo, EngineStats
from tokenlane_worker.engine.simulated import SimulatedEngine, SimulatedEngineConfig

SECOND_A_STEP = Profile("slow", StepCost(1.0, 0, 0, 0, 0, 0), find_profile("laptop-instant").limits)


async def until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), 5)


async def idle(running: SimulatedEngine) -> EngineStats:
    stats = await running.stats()
    assert (stats.running, stats.waiting, stats.kv_usage) == (0, 0, 0)
    return stats


def test_start_says_what_the_engine_holds() -> None:
    async def main() -> None:
        running: Engine = SimulatedEngine(SimulatedEngineConfig(MODEL, num_blocks=101, max_model_len=800))
        assert await running.start() == EngineInfo(MODEL, 800, 1600, 16, 256, True, 8192)
        assert await running.start() == await running.start()
        await running.stop()
        await running.stop()

    run(main())


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"profile": "abacus"}, "laptop-instant"),
        ({"speed": 0}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"speed": float("inf")}, "speed"),
        ({"num_blocks": 10}, "num_blocks"),
        ({"max_num_batched_tokens": 1}, "max_num_batched_tokens"),
    ],
)
def test_impossible_settings_refuse_to_start(settings: dict[str, object], word: str) -> None:
    with pytest.raises(EngineStartError, match=word):
        SimulatedEngine(SimulatedEngineConfig(MODEL, **settings))  # type: ignore[arg-type]


def test_totals_count_tokens() -> None:
    async def main() -> None:
        async with engine() as running:
            await asked(running, chat(max_tokens=5, ignore_eos=True, n=2))
            stats = await idle(running)
            assert (stats.prompt_tokens, stats.generation_tokens, stats.preemptions) == (18, 10, 0)

    run(main())


def test_time_passes_by_the_step_cost_and_the_speed() -> None:
    async def main() -> float:
        async with engine(profile=SECOND_A_STEP, speed=100) as running:
            started = time.monotonic()
            await asked(running, chat(max_tokens=20, ignore_eos=True))
            return time.monotonic() - started

    assert 0.19 < run(main()) < 0.5  # 20 steps of 10 ms


def test_requests_share_the_steps() -> None:
    async def main() -> float:
        async with engine(profile=SECOND_A_STEP, speed=100) as running:
            started = time.monotonic()
            await asyncio.gather(*(asked(running, chat(str(i), max_tokens=10, ignore_eos=True)) for i in range(50)))
            return time.monotonic() - started

    assert run(main()) < 0.5  # one after the other they would take 5 s


def test_cancelling_aborts_and_frees_the_kv() -> None:
    async def main() -> None:
        async with engine(profile=SECOND_A_STEP, speed=200) as running:
            sink = Recorder()
            body = chat(max_tokens=10_000, ignore_eos=True, stream=True, n=3)
            request = asyncio.create_task(running.generate(CHAT, body, sink))
            await until(sink.started)
            stats = await running.stats()
            assert stats.running == 3
            assert stats.kv_usage > 0
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await idle(running)
            said = len(sink.chunks)
            await asked(running, chat(max_tokens=3, ignore_eos=True))
            assert len(sink.chunks) == said

    run(main())


def test_cancelling_a_waiting_request_takes_it_out_of_the_queue() -> None:
    async def main() -> None:
        async with engine(max_num_seqs=1, profile=SECOND_A_STEP, speed=200) as running:
            first = asyncio.create_task(asked(running, chat(max_tokens=20, ignore_eos=True)))
            second = asyncio.create_task(asked(running, chat(max_tokens=20, ignore_eos=True)))
            await asyncio.sleep(0)
            second.cancel()
            assert (await first).status == 200
            await idle(running)

    run(main())


def test_preemption_changes_no_answer() -> None:
    limits = SchedulerLimits(num_blocks=41, block_size=4, max_num_seqs=32, max_num_batched_tokens=64, max_model_len=160)
    scarce = Profile("scarce", StepCost(0, 0, 0, 0, 0, 0), limits)
    bodies = [chat(f"question {i}", max_tokens=40, ignore_eos=True, stream=True) for i in range(20)]

    async def answers(**settings: object) -> tuple[list[list[object]], int]:
        async with engine(**settings) as running:
            sinks = await asyncio.gather(*(asked(running, body) for body in bodies))
            stats = await idle(running)
            return [[event["choices"] for event in sink.events] for sink in sinks], stats.preemptions

    roomy, none = run(answers())
    tight, some = run(answers(profile=scarce))
    assert none == 0 < some
    assert roomy == tight


def test_refused_requests_cost_nothing() -> None:
    async def main() -> None:
        async with engine() as running:
            assert (await asked(running, chat(max_tokens=0))).status == 400
            assert (await asked(running, completion(["ok", ""]), "/v1/completions")).status == 400
            assert (await idle(running)).prompt_tokens == 0

    run(main())


def test_the_answers_id_comes_from_the_requests() -> None:
    async def main() -> None:
        async with engine() as running:
            sink = Recorder()
            await running.generate(CHAT, chat(), sink, "k-1")
            assert sink.json["id"] == "chatcmpl-k-1"

    run(main())


def test_tokens_of_its_own_text_are_counted_exactly() -> None:
    async def main() -> None:
        async with engine() as running:
            for tokens in (1, 2, 7, 300):
                text = (await asked(running, chat(max_tokens=tokens, ignore_eos=True))).json["choices"][0]["message"]
                assert await running.count_tokens(text["content"], MODEL) == tokens
            assert await running.count_tokens("Hello there", MODEL) == 3
            assert await running.count_tokens("", MODEL) == 0

    run(main())


def test_an_engine_that_does_not_run_takes_nothing() -> None:
    async def main() -> None:
        stopped = SimulatedEngine(SimulatedEngineConfig(MODEL))
        with pytest.raises(EngineUnavailableError):
            await asked(stopped, chat())
        await stopped.start()
        await stopped.stop()
        with pytest.raises(EngineUnavailableError):
            await asked(stopped, chat())

    run(main())


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_is_in_flight_at_the_end_is_lost(end: str) -> None:
    async def main() -> None:
        async with engine(profile=SECOND_A_STEP, speed=100) as running:
            sink = Recorder()
            request = asyncio.create_task(running.generate(CHAT, chat(max_tokens=1000, stream=True), sink))
            await until(sink.started)
            await (running.kill("out of memory") if end == "kill" else running.stop())
            with pytest.raises(EngineLostError):
                await request
            await idle(running)

    run(main())


def test_a_killed_engine_says_why() -> None:
    async def main() -> None:
        async with engine() as running:
            watcher = asyncio.create_task(running.wait_dead())
            await asyncio.sleep(0)
            assert not watcher.done()
            await running.kill("out of memory")
            assert await watcher == "out of memory"
            with pytest.raises(EngineUnavailableError, match="out of memory"):
                await asked(running, chat())

    run(main())


def test_a_sink_that_breaks_ends_its_own_request_only() -> None:
    class Broken(Recorder):
        def data(self, chunk: bytes) -> None:
            raise ConnectionResetError("gone")

    async def main() -> None:
        async with engine() as running:
            broken = running.generate(CHAT, chat(max_tokens=500, ignore_eos=True, stream=True), Broken())
            results = await asyncio.gather(broken, asked(running, chat()), return_exceptions=True)
            assert isinstance(results[0], ConnectionResetError)
            assert isinstance(results[1], Recorder)
            await idle(running)

    run(main())


def test_many_requests_at_once_all_end() -> None:
    async def main() -> None:
        async with engine() as running:
            sinks = await asyncio.gather(*(asked(running, chat(str(i), stream=True)) for i in range(600)))
            assert all(sink.events[-1]["choices"][0]["finish_reason"] == "stop" for sink in sinks)
            await idle(running)

    run(main())
