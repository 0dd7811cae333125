"""An answer as one JSON body, with the fields of vLLM's responses."""

import msgspec

from tokenlane_worker.engine.simulated.ask import Ask
from tokenlane_worker.engine.simulated.logprobs import chat_logprobs, completion_logprobs
from tokenlane_worker.engine.simulated.plan import Plan
from tokenlane_worker.engine.simulated.stream import FINGERPRINT, NOTHING_CACHED, Stamp, finish_reason, tool_call, usage

_DETAILS = {
    "prompt_tokens_details": NOTHING_CACHED | {"multimodal_tokens": None},
    "completion_tokens_details": None,
}
_NO_TRANSFER = {"kv_transfer_params": None, "ec_transfer_params": None, "metrics": None}


def whole_body(ask: Ask, plans: list[Plan], stamp: Stamp) -> bytes:
    choice = _chat_choice if ask.chat else _completion_choice
    completion_tokens = sum(len(plan.pieces) for plan in plans)
    answer: dict[str, object] = {
        "id": stamp.id,
        "object": "chat.completion" if ask.chat else "text_completion",
        "created": stamp.created,
        "model": stamp.model,
        "choices": [choice(ask, plan, index, stamp) for index, plan in enumerate(plans)],
        "service_tier": None,
        "system_fingerprint": FINGERPRINT,
        "usage": usage(sum(ask.prompt_tokens), completion_tokens) | _DETAILS,
    }
    if ask.chat:
        answer |= {"prompt_logprobs": None, "prompt_token_ids": None, "prompt_text": None}
    return msgspec.json.encode(answer | _NO_TRANSFER)


def _chat_choice(ask: Ask, plan: Plan, index: int, stamp: Stamp) -> dict[str, object]:
    logprobs = None if ask.logprobs is None else chat_logprobs(plan.pieces, 0, ask.logprobs)
    return {
        "index": index,
        "message": _message(ask, plan, index, stamp),
        "logprobs": logprobs,
        "finish_reason": finish_reason(ask, plan),
        "stop_reason": plan.stop_reason,
        "token_ids": None,
        "routed_experts": None,
    }


def _message(ask: Ask, plan: Plan, index: int, stamp: Stamp) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": "" if ask.tool else plan.text}
    message |= {"refusal": None, "annotations": None, "audio": None, "function_call": None}
    if ask.tool:
        message["tool_calls"] = [tool_call(stamp, index, ask.tool, plan.text)]
    return message | {"reasoning": None}


def _completion_choice(ask: Ask, plan: Plan, index: int, stamp: Stamp) -> dict[str, object]:
    logprobs = None if ask.logprobs is None else completion_logprobs(plan.pieces, 0, ask.logprobs, 0)
    return {
        "index": index,
        "text": plan.text,
        "logprobs": logprobs,
        "finish_reason": plan.finish_reason,
        "stop_reason": plan.stop_reason,
        "token_ids": None,
        "prompt_logprobs": None,
        "prompt_token_ids": None,
        "routed_experts": None,
    }
