"""How strategies are called and described, and numbers in sentences."""

TITLES = {
    "paper": "paper's pool, 64K x 16",
    "defaults": "vLLM's defaults",
    "one-push": "one pool, tuned, push",
    "one": "one pool, tuned, pull",
    "one-deadline": "one pool, deadlines",
    "two": "two lanes, tuned",
    "three": "three lanes, tuned",
    "elastic": "elastic lanes",
}
_TO_ENGINES = "each waits in its engine's own queue"
_CREDIT = "a worker with KV credit pulls"
_CAPPED = "a worker with KV credit and room for prefill pulls"
_LATE = "; what can no longer make its limit waits until the rest is served"
DISPATCH = {
    "paper": f"pushed at arrival to the replica with the fewest requests; {_TO_ENGINES}",
    "defaults": f"pushed at arrival to the replica with the fewest requests; {_TO_ENGINES}",
    "one-push": f"pushed at arrival to the replica with the least outstanding work; {_TO_ENGINES}",
    "one": f"one central queue, first in first out; {_CREDIT}, workers in turn (tokenlane with a single lane)",
    "one-deadline": f"one central queue, earliest (arrival + limit - own prefill) first; {_CAPPED} as it starts a step "
    "(not what tokenlane does today)",
    "two": f"fixed lanes by token budget, a first-in-first-out queue each; {_CREDIT} from its own lane alone, workers "
    "in turn (tokenlane with strict isolation)",
    "three": f"fixed lanes by token budget, a first-in-first-out queue each; {_CREDIT} from its own lane alone, "
    "workers in turn (tokenlane with strict isolation)",
    "elastic": f"lanes by token budget, a queue each, earliest (arrival + limit - own prefill) first; {_CAPPED} as it "
    "starts a step, and from another lane while its own has none (not what tokenlane does today)",
}


def dispatch_text(key: str, late_last: bool) -> str:
    """The rules that were simulated."""
    return DISPATCH[key] + (_LATE if late_last else "")


def counted(count: int, one: str) -> str:
    """ "1 replica", "2 replicas"."""
    return f"{count:,} {one}" if count == 1 else f"{count:,} {one}s"


def times(factor: float) -> str:
    """1.7 as "1.70 times"."""
    return "more than 100 times" if factor > 100 else f"{factor:.2f} times"


def percent(share: float) -> str:
    """0.419 as "42 %"."""
    return f"{round(100 * share)} %"


def milliseconds(seconds: float) -> str:
    """0.0441 as "44 ms", 2.5 as "2.5 s"."""
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
