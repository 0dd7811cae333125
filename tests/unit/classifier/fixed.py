"""Estimates that say what a test wants, and remember what they were taught."""

from collections.abc import Sequence
from typing import Any

from tokenlane.v1.request_pb2 import Facts
from tokenlane_classifier.estimate.estimates import Estimates
from tokenlane_classifier.estimate.output import OutputEstimate, OutputEstimates
from tokenlane_classifier.estimate.output_settings import OutputSettings
from tokenlane_classifier.estimate.prompt import PromptEstimate, PromptEstimates, PromptSettings
from tokenlane_classifier.estimate.route import Route


class FixedPrompt(PromptEstimates):
    """Cautious and expected tokens, whatever the body."""

    def __init__(self, tokens: int, expected: int) -> None:
        super().__init__(PromptSettings())
        self.says = PromptEstimate(tokens, "latin", (3, 4), expected, expected // 2)
        self.asked: list[tuple[int, int]] = []
        self.taught: list[tuple[Any, ...]] = []

    def estimate(self, facts: Facts, body: bytes, size: int) -> PromptEstimate:
        self.asked.append((len(body), size))
        return self.says

    def observe(self, facts: Facts, category: str, classes: Sequence[int], body_bytes: int, prompt_tokens: int) -> None:
        self.taught.append((facts.model, category, tuple(classes), body_bytes, prompt_tokens))


class FixedOutput(OutputEstimates):
    """Budget and typical output, whatever the route."""

    def __init__(self, tokens: int, typical: int) -> None:
        super().__init__(OutputSettings())
        self.says = OutputEstimate(tokens, typical, "route", 9.0)
        self.asked: list[tuple[Route, int]] = []
        self.taught: list[tuple[Route, int, int, int]] = []

    def estimate(self, route: Route, prompt_tokens: int, now_unix_ms: int) -> OutputEstimate:
        self.asked.append((route, prompt_tokens))
        return self.says

    def observe(self, route: Route, prompt_tokens: int, output_tokens: int, now_unix_ms: int) -> None:
        self.taught.append((route, prompt_tokens, output_tokens, now_unix_ms))


class Fixed:
    """Both."""

    def __init__(self, prompt: int = 100, expected: int = 90, output: int = 300, typical: int = 200) -> None:
        self.prompt = FixedPrompt(prompt, expected)
        self.output = FixedOutput(output, typical)
        self.estimates = Estimates(self.prompt, self.output)
