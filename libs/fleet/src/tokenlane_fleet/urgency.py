"""Who is next in the queues that workers pull from, and what a worker takes: decisions on plain numbers.

Without state, clock or I/O: the fleet's simulator compiles this text, and a worker can call it. Times are seconds of
one clock.

1. A request's first token is due at its arrival plus its limit. Of all lanes that a worker may take from, it takes the
   request that is due first.
2. Whose turn it is but could no longer make it, were its prompt begun at once, steps back: its turn comes again
   `patience` later. It does so once. So whatever is due later than that waits behind it, and none waits for ever.
3. From another lane a worker takes prompts up to a length, so that its own lane's requests do not wait behind longer
   ones.
4. A worker takes what its engine's KV credit holds, as long as the prompts without a first token in that engine stay
   within a cap. An engine that has nothing takes anything; one that has no such prompt, a prompt of any length.
5. For that credit a sequence counts with its prompt and two fifths of its output. On average it holds half of its
   output while it runs, sequences that run together are seldom all at their ends, and a budget is more than most
   outputs take. Where they do end together the engine preempts; counted with all of their output they would leave its
   cache emptier than it could be.
"""


def due_s(arrival_s: float, limit_s: float) -> float:
    """When the first token must be there."""
    return arrival_s + limit_s


def prefill_s(prompt_tokens: int, prompt_token_s: float) -> float:
    """A prompt's own time in an engine. `prompt_token_s`: see `prompt_token_s`."""
    return prompt_tokens * prompt_token_s


def prompt_token_s(full_step_s: float, step_tokens: int, chunk_tokens: int) -> float:
    """Seconds a token of a long prompt, of which each full step computes a chunk; `chunk_tokens` 0: all of the step."""
    return full_step_s / (chunk_tokens if chunk_tokens else step_tokens)


def is_late(due: float, prefill: float, now_s: float) -> bool:
    """Whether the first token could no longer come in time."""
    return now_s + prefill > due


def patience_s(limit_s: float, times: float, most_s: float) -> float:
    """How much later the turn of a request that steps back comes: a multiple of its limit, up to a most."""
    return min(times * limit_s, most_s)


def precedes(turn_s: float, number: int, other_turn_s: float, other_number: int) -> bool:
    """Whether one request is before another: by their turns, of equals the one that came first."""
    return turn_s < other_turn_s or (turn_s == other_turn_s and number < other_number)


def may_help(prompt_tokens: int, most_tokens: int) -> bool:
    """Whether a worker takes a prompt of another lane; `most_tokens` 0: of any length."""
    return most_tokens == 0 or prompt_tokens <= most_tokens


def counted(prompt_tokens: int, output_tokens: int) -> int:
    """KV tokens that a request with such a budget is counted for."""
    return prompt_tokens + (2 * output_tokens + 4) // 5


def has_credit(outstanding: int, max_num_seqs: int, taken: int, tokens: int, credit: int) -> bool:
    """Whether an engine with `outstanding` requests, counted for `taken` tokens, holds one more that counts for
    `tokens`. `credit`: its KV tokens times the over-commitment."""
    return outstanding == 0 or (outstanding < max_num_seqs and taken + tokens <= credit)


def may_prefill(in_flight: int, prompt_tokens: int, cap: int) -> bool:
    """Whether a prompt may be begun beside `in_flight` prompt tokens that wait for their first token; `cap` 0: any."""
    return cap == 0 or in_flight == 0 or in_flight + prompt_tokens <= cap
