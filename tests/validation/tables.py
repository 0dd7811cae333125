"""The residuals as Markdown."""

from collections.abc import Iterable, Sequence

from tests.validation.compare import Comparison
from tests.validation.judge import Judged
from tests.validation.served import Served


def comparisons(rows: Sequence[Comparison]) -> str:
    return _table(
        ("workload", "requests", "steps, vLLM", "model", "off by", "preemptions, vLLM", "model", "steps equal"),
        (
            (
                row.name,
                row.requests,
                row.vllm_steps,
                row.model_steps,
                f"{row.model_steps / row.vllm_steps - 1:+.1%}",
                row.vllm_preemptions,
                row.model_preemptions,
                f"{row.equal_steps / row.vllm_steps:.0%}",
            )
            for row in rows
        ),
    )


def served(rows: Sequence[Served]) -> str:
    return _table(
        ("start", "steps, vLLM", "model", "off by", "preemptions, vLLM", "model"),
        (
            (
                number + 1,
                row.steps,
                row.model_steps,
                f"{row.model_steps / row.steps - 1:+.1%}",
                row.preemptions,
                row.model_preemptions,
            )
            for number, row in enumerate(rows)
        ),
    )


def predictions(rows: Sequence[Judged]) -> str:
    """Residuals, and in brackets what was measured."""
    return _table(
        (
            "fitted on",
            "predicts",
            "TTFT P50",
            "TTFT P99",
            "latency P50",
            "latency P99",
            "fit, median",
            "fit, P95",
            "drift",
        ),
        (
            (
                row.fitted,
                row.predicted,
                *(
                    f"{residual:+.1%} ({seconds * 1e3:,.0f} ms)"
                    for residual, seconds in zip(
                        row.residuals,
                        (row.real.ttft_p50, row.real.ttft_p99, row.real.latency_p50, row.real.latency_p99),
                        strict=True,
                    )
                ),
                f"{row.fit.median:.1%}",
                f"{row.fit.p95:.1%}",
                f"{row.drift:.1%}",
            )
            for row in rows
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"
