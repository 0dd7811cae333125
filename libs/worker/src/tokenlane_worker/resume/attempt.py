"""Has an engine go on with an answer."""

from collections.abc import Awaitable, Callable

from tokenlane.v1.request_pb2 import Endpoint
from tokenlane_worker.engine.protocol import Sink
from tokenlane_worker.resume.continuation import continuation_body, cut_off
from tokenlane_worker.resume.known import Known
from tokenlane_worker.resume.plan import Continue
from tokenlane_worker.resume.sinks import ContinuedSink, DivergedError

Generate = Callable[[bytes, Sink], Awaitable[None]]
CountTokens = Callable[[str], Awaitable[int | None]]


async def go_on(
    going: Continue,
    known: Known,
    endpoint: Endpoint,
    body: bytes,
    sink: Sink,
    *,
    generate: Generate,
    count_tokens: CountTokens,
) -> None:
    """Give `sink` what follows `known` of the answer to `body`, and return at the end of it. `generate` and
    `count_tokens` are the engine's, for this request. Raises as `generate`, and DivergedError."""

    async def attempt(going: Continue) -> None:
        tokens = going.tokens(await count_tokens(going.text)) if going.text else 0
        rest = continuation_body(endpoint, body, going.text, tokens)
        if rest is None:
            sink.data(cut_off(known))
        else:
            continued = ContinuedSink(sink, known, tokens, going.again)
            await generate(rest, continued)
            continued.end()

    try:
        await attempt(going)
    except DivergedError:
        if not going.again:
            raise
        # The rest of the word came out differently, and nothing of it was passed on.
        await attempt(going.whole())
