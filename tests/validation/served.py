"""The mix of 160 short and 40 long requests on `vllm serve` as it starts by default, and on the model."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.validation.modelled import run_on_model
from tests.validation.workloads import Workload

_ITERATION = re.compile(r"Iteration\((\d+)\)")


@dataclass(frozen=True, slots=True)
class Served:
    """`steps` and `preemptions` of the server and of the model, which has all requests at its first step."""

    steps: int
    preemptions: int
    model_steps: int
    model_preemptions: int


def server_arguments(workload: Workload) -> tuple[str, ...]:
    """The limits of the workload; everything else is vLLM's default, prefix caching with it."""
    limits = workload.limits
    return (
        *("--num-gpu-blocks-override", str(limits.num_blocks), "--block-size", str(limits.block_size)),
        *("--max-num-seqs", str(limits.max_num_seqs), "--max-model-len", str(limits.max_model_len)),
        *("--max-num-batched-tokens", str(limits.max_num_batched_tokens)),
        "--enable-logging-iteration-details",
    )


async def serve(url: str, model: str, log: Path, workload: Workload) -> Served:
    """Send all at once; they arrive as the connections bring them."""
    steps, preemptions = _steps(log), _preemptions(url)
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        await asyncio.gather(*(_ask(http, url, _body(workload, model, at)) for at in range(len(workload.arrivals))))
    modelled = run_on_model(workload)
    return Served(
        steps=_steps(log) - steps,
        preemptions=_preemptions(url) - preemptions,
        model_steps=len(modelled),
        model_preemptions=sum(len(step.outcome.preempted) for step in modelled),
    )


async def _ask(http: aiohttp.ClientSession, url: str, body: dict[str, object]) -> None:
    async with http.post(f"{url}/v1/completions", json=body) as response:
        answer = await response.json()
        assert response.status == 200, answer


def _body(workload: Workload, model: str, number: int) -> dict[str, object]:
    arrival = workload.arrivals[number]
    prompt = [100 + number * 7 % 1500, *(100 + (number * 31 + at * at * 17) % 1500 for at in range(1, 10_000))]
    return {
        "model": model,
        "prompt": prompt[: arrival.prompt_tokens],
        "max_tokens": arrival.output_tokens,
        "ignore_eos": True,
        "temperature": 0,
    }


def _steps(log: Path) -> int:
    return len(_ITERATION.findall(log.read_text()))


def _preemptions(url: str) -> int:
    text = httpx.get(f"{url}/metrics").text
    return round(
        sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "vllm:num_preemptions_total"
        )
    )
