"""Dead letters to work on."""

import json

from tokenlane.v1.recovery_pb2 import AttemptEnd, DeadLetter
from tokenlane.v1.reply_pb2 import Outcome
from tokenlane.v1.request_pb2 import BodyRef, Classification, Endpoint, Facts, Request
from tokenlane_chassis import results
from tokenlane_chassis.bus import Bus
from tokenlane_proto import subjects, topology

NOW = 1_800_000_000_000
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "[red]hi[/red]"}]}).encode()
KEYED = subjects.keyed_id("my key")


def request(request_id: str = "r1", key: str = "", body: bytes = BODY, body_ref: BodyRef | None = None) -> Request:
    return Request(
        request_id=request_id,
        endpoint=Endpoint.ENDPOINT_CHAT_COMPLETIONS,
        reply_inbox="door.1",
        accepted_unix_ms=NOW - 300_000,
        deadline_unix_ms=NOW - 240_000,
        facts=Facts(model="m", stream=True),
        idempotency_key=key,
        body_sha256=b"x" * 32 if key else b"",
        attempts_before=2,
        too_short_tokens=512,
        moved=True,
        body=body,
        body_ref=body_ref,
        classification=Classification(lane="short", prompt_tokens=30, output_tokens=10),
    )


def letter(given_up: Request, tenant: str = "demo", minutes_ago: int = 4) -> DeadLetter:
    return DeadLetter(
        request=given_up,
        tenant=tenant,
        reason="the engine failed 5 times, last: the engine died",
        history=[
            AttemptEnd(attempt=1, worker="short-3f", reason="the engine died \x1b[2J", ended_unix_ms=NOW - 290_000),
            AttemptEnd(attempt=2, worker="short-77", reason="stopped", handed_over=True, ended_unix_ms=NOW - 280_000),
        ],
        attempts=6,
        died_unix_ms=NOW - minutes_ago * 60_000,
    )


async def bury(bus: Bus, tenant: str = "demo", given_up: Request | None = None, minutes_ago: int = 4) -> DeadLetter:
    """A dead letter and the failed result that goes with it."""
    given_up = given_up or request()
    dead = letter(given_up, tenant, minutes_ago)
    await bus.publish_durable(subjects.dead(tenant, given_up.request_id), dead.SerializeToString())
    fields = results.result_headers(given_up.request_id, 6, Outcome.OUTCOME_FAILED, 502, results.JSON, dead.reason)
    await results.store(bus, tenant, given_up.request_id, b"{}", fields)
    return dead


async def buried(bus: Bus) -> list[str]:
    return sorted(await bus.subject_counts(topology.DEAD, ">"))
