"""A plan made by hand, with every kind of option in it."""

import math
from dataclasses import replace

from tokenlane_cli.plan.answer import Answer
from tokenlane_fleet.plan.report import (
    BoundaryPoint,
    ClassFigures,
    Curve,
    Option,
    PlanReport,
    PoolPlan,
    SloFacts,
    TraceFacts,
)

HOSTILE = '<script>alert("x")</script>[red]&.csv'
PRICE = 2.5
TP = 4
SECONDS = 3_501.0


def pool(
    name: str, up_to: int | None, replicas: int, length: int, seqs: int, tokens: int, prefill: int = 0
) -> PoolPlan:
    flags: tuple[str, ...] = (
        "--tensor-parallel-size",
        str(TP),
        "--max-model-len",
        str(length),
        "--max-num-seqs",
        str(seqs),
    )
    flags += ("--max-num-batched-tokens", str(tokens))
    return PoolPlan(name, up_to, replicas, length, seqs, tokens, 0, 1.0, prefill, flags)


def curve(name: str, metric: str, median: float, p99: float) -> Curve:
    """Lognormal with that median and 99th percentile."""
    sigma = math.log(p99 / median) / 2.326
    z = [-3 + 6 * step / 119 for step in range(120)]
    fractions = tuple(0.5 * (1 + math.erf(each / math.sqrt(2))) for each in z)
    return Curve(name, metric, tuple(median * math.exp(sigma * each) for each in z), fractions)


def figures(
    name: str, requests: int, kept: float, ttft: tuple[float, float], tpot: tuple[float, float]
) -> ClassFigures:
    return ClassFigures(name, requests, kept, *ttft, *tpot)


def option(
    key: str,
    title: str,
    dispatch: str,
    pools: tuple[PoolPlan, ...],
    short: ClassFigures,
    long: ClassFigures,
    preempted: int,
) -> Option:
    replicas = sum(each.replicas for each in pools)
    gpus = replicas * TP
    hours = gpus * SECONDS / 3600
    good = short.requests * short.attainment + long.requests * long.attainment
    curves = tuple(
        curve(each.name, metric, *spread)
        for each in (short, long)
        for metric, spread in (
            ("ttft", (each.ttft_p50_s, each.ttft_p99_s)),
            ("tpot", (each.tpot_p50_s, each.tpot_p99_s)),
        )
    )
    return Option(
        key=key,
        title=title,
        dispatch=dispatch,
        pools=pools,
        meets_slo=min(short.attainment, long.attainment) >= 0.99,
        replicas=replicas,
        gpus=gpus,
        gpu_hours=hours,
        cost=hours * PRICE,
        cost_per_hour=gpus * PRICE,
        goodput_per_gpu=good / SECONDS / gpus,
        classes=(short, long),
        preemptions=preempted,
        preemptions_per_1000=preempted / 19.366,
        rejected=0,
        moved=31 if len(pools) > 1 else 0,
        curves=curves,
    )


SHORT, LONG = 19_088, 278

OPTIONS = (
    option(
        "paper",
        "paper's pool, 64K x 16",
        "pushed at arrival to the replica with the fewest requests; each waits in its engine's own queue",
        (pool("all", None, 9, 65_536, 16, 8192),),
        figures("short", SHORT, 0.996, (0.171, 0.933), (0.0143, 0.0291)),
        figures("long", LONG, 1.0, (0.394, 1.62), (0.0155, 0.0302)),
        0,
    ),
    option(
        "defaults",
        "vLLM's defaults",
        "pushed at arrival to the replica with the fewest requests; each waits in its engine's own queue",
        (pool("all", None, 2, 131_072, 1024, 8192),),
        figures("short", SHORT, 0.9931, (0.129, 0.644), (0.0312, 0.0788)),
        figures("long", LONG, 0.9928, (0.402, 0.911), (0.0319, 0.0799)),
        0,
    ),
    option(
        "one",
        "one pool, tuned, pull",
        "workers pull, first come first served",
        (pool("all", None, 1, 16_384, 256, 1024),),
        figures("short", SHORT, 0.9921, (0.112, 0.702), (0.0402, 0.0731)),
        figures("long", LONG, 0.9964, (0.511, 1.33), (0.0411, 0.0722)),
        12,
    ),
    option(
        "one-push",
        "one pool, tuned, push",
        "least work",
        (pool("all", None, 2, 16_384, 256, 1024),),
        figures("short", SHORT, 0.9990, (0.099, 0.402), (0.0302, 0.0531)),
        figures("long", LONG, 1.0, (0.488, 1.02), (0.0311, 0.0522)),
        3,
    ),
    option(
        "two",
        "two lanes, tuned",
        "workers pull, first come first served",
        (pool("short", 2048, 1, 2048, 256, 512), pool("long", None, 1, 16_384, 64, 2048)),
        figures("short", SHORT, 0.9992, (0.081, 0.388), (0.0251, 0.0433)),
        figures("long", LONG, 1.0, (0.377, 0.899), (0.0201, 0.0377)),
        0,
    ),
    option(
        "elastic",
        "elastic lanes",
        "workers pull by deadline, idle ones from the other lane too",
        (pool("short", 2048, 1, 2048, 256, 512, 4096), pool("long", None, 1, 16_384, 64, 2048, 8192)),
        figures("short", SHORT, 0.9995, (0.079, 0.288), (0.0241, 0.0423)),
        figures("long", LONG, 1.0, (0.347, 0.799), (0.0191, 0.0367)),
        0,
    ),
    option(
        "three",
        "three lanes, tuned",
        "workers pull, first come first served",
        (
            pool("short", 1024, 1, 1024, 256, 512),
            pool("medium", 4096, 1, 4096, 64, 1024),
            pool("long", None, 1, 16_384, 16, 2048),
        ),
        figures("short", SHORT, 0.972, (0.079, 1.288), (0.0241, 0.0423)),
        figures("long", LONG, 1.0, (0.347, 0.799), (0.0191, 0.0367)),
        0,
    ),
)


def boundary(up_to: int, short: int, long: int, meets: bool, alpha: float, rho: float) -> BoundaryPoint:
    gpus = (short + long) * TP
    cost = gpus * PRICE
    return BoundaryPoint(
        up_to,
        short,
        long,
        gpus,
        cost,
        meets,
        alpha,
        rho,
        alpha * (1 - 1 / rho),
        1 - gpus / 4,
        0.5 * alpha * (1 - 1 / rho),
    )


BOUNDARIES = (
    boundary(512, 1, 2, True, 0.11, 1.9),
    boundary(1024, 1, 2, True, 0.31, 1.6),
    boundary(2048, 1, 1, True, 0.77, 1.3),
    boundary(4096, 2, 1, True, 0.985, 1.05),
    boundary(8192, 2, 1, False, 0.999, 1.0),
)

REPORT = PlanReport(
    trace=TraceFacts("azure_llm_2023_conv.csv", 19_366, SECONDS, 5.53, 1_020, 4_143, 129, 601, 14_089),
    model="llama-3-70b",
    gpu="h100",
    tensor_parallel=TP,
    price_per_gpu_hour=PRICE,
    step_time="data sheet, roofline",
    slo=(SloFacts("short", 4096, "1 s", 0.08), SloFacts("long", None, "max(5 s, 1 s + prompt / 4000 a second)", 0.08)),
    attainment=0.99,
    options=OPTIONS,
    boundaries=BOUNDARIES,
    best="one",
    verdict=(
        "One pool is better here: it keeps the objectives with 4 GPUs, two lanes need 8.",
        "The closed form promises 17.8 % less at a boundary of 2,048 tokens; simulated, two lanes cost 100.0 % more.",
    ),
    warnings=("Step times are from data sheets, not measured on a GPU: `tokenlane calibrate` measures yours.",),
    simulations=412,
    seed=0,
)

ANSWER = Answer(
    REPORT,
    "meta-llama/Llama-3.1-70B-Instruct",
    (1.0, 5.0),
    "tokenlane plan azure_llm_2023_conv.csv --model llama-3-70b --gpu h100",
)


def hostile() -> Answer:
    """The same with names that a terminal, a browser or a template would obey."""
    trace = replace(REPORT.trace, name=HOSTILE, note="\x1b[31m" + HOSTILE)
    return replace(ANSWER, report=replace(REPORT, trace=trace, model=HOSTILE, verdict=(HOSTILE,)), command=HOSTILE)
