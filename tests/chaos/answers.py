"""What an answer says, read from a body or from events, so that two answers can be compared. Pure."""

import json
from dataclasses import dataclass, field
from typing import Any

DONE = "[DONE]"


@dataclass(frozen=True, slots=True)
class Said:
    """Text and finish reason by choice. `usage`: prompt and completion tokens, where the answer has them."""

    texts: tuple[str, ...]
    reasons: tuple[str | None, ...]
    usage: tuple[int, int] | None


class StreamedError(Exception):
    """An error event. `code` and `status` as far as it says."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("message")))
        self.code = error.get("code")


@dataclass(slots=True)
class Collected:
    """A streamed answer as it comes in."""

    texts: dict[int, str] = field(default_factory=dict)
    reasons: dict[int, str | None] = field(default_factory=dict)
    usage: tuple[int, int] | None = None
    done: bool = False

    def feed(self, data: str) -> None:
        """The data of one event. Raises StreamedError."""
        if data == DONE:
            self.done = True
            return
        event = json.loads(data)
        if "error" in event:
            raise StreamedError(event["error"])
        self.add(event)

    def add(self, event: dict[str, Any]) -> None:
        """One event, decoded."""
        for choice in event.get("choices", ()):
            index = choice["index"]
            self.texts[index] = self.texts.get(index, "") + _text(choice, "delta")
            self.reasons[index] = choice.get("finish_reason") or self.reasons.get(index)
        if event.get("usage"):
            self.usage = _usage(event["usage"])

    @property
    def finished(self) -> bool:
        """Every choice has said why it ended."""
        return bool(self.reasons) and all(self.reasons.values())

    def said(self) -> Said:
        """The answer."""
        order = sorted(self.texts)
        return Said(tuple(self.texts[i] for i in order), tuple(self.reasons[i] for i in order), self.usage)


def read_whole(body: bytes) -> Said:
    """An answer that is one JSON body."""
    answer = json.loads(body)
    choices = answer["choices"]
    texts = tuple(_text(choice, "message") for choice in choices)
    return Said(texts, tuple(choice["finish_reason"] for choice in choices), _usage(answer["usage"]))


def read_events(body: bytes) -> Said:
    """A streamed answer, all of it. Raises StreamedError, or ValueError where it is not whole."""
    collected = Collected()
    for event in body.decode().split("\n\n"):
        for line in event.split("\n"):
            if line.startswith("data: "):
                collected.feed(line[6:])
    if not collected.done:
        raise ValueError("the stream has no end")
    return collected.said()


def _text(choice: dict[str, Any], where: str) -> str:
    return choice.get("text") or (choice.get(where) or {}).get("content") or ""


def _usage(usage: dict[str, int]) -> tuple[int, int]:
    return usage["prompt_tokens"], usage["completion_tokens"]
