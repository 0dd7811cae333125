from tokenlane.v1 import request_pb2 as _request_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_COMPLETED: _ClassVar[Outcome]
    OUTCOME_FAILED: _ClassVar[Outcome]
    OUTCOME_CANCELLED: _ClassVar[Outcome]
    OUTCOME_EXPIRED: _ClassVar[Outcome]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_COMPLETED: Outcome
OUTCOME_FAILED: Outcome
OUTCOME_CANCELLED: Outcome
OUTCOME_EXPIRED: Outcome

class Usage(_message.Message):
    __slots__ = ("prompt_tokens", "completion_tokens", "estimated")
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    def __init__(self, prompt_tokens: _Optional[int] = ..., completion_tokens: _Optional[int] = ..., estimated: _Optional[bool] = ...) -> None: ...

class Head(_message.Message):
    __slots__ = ("http_status", "content_type", "lane", "budget_tokens", "queue_wait_us", "simulated", "budget_output_tokens")
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    BUDGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_WAIT_US_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    http_status: int
    content_type: str
    lane: str
    budget_tokens: int
    queue_wait_us: int
    simulated: bool
    budget_output_tokens: int
    def __init__(self, http_status: _Optional[int] = ..., content_type: _Optional[str] = ..., lane: _Optional[str] = ..., budget_tokens: _Optional[int] = ..., queue_wait_us: _Optional[int] = ..., simulated: _Optional[bool] = ..., budget_output_tokens: _Optional[int] = ...) -> None: ...

class Terminal(_message.Message):
    __slots__ = ("outcome", "reason", "http_status", "usage", "error_type", "code", "retry_after_ms")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HTTP_STATUS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ERROR_TYPE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    outcome: Outcome
    reason: str
    http_status: int
    usage: Usage
    error_type: str
    code: str
    retry_after_ms: int
    def __init__(self, outcome: _Optional[_Union[Outcome, str]] = ..., reason: _Optional[str] = ..., http_status: _Optional[int] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., error_type: _Optional[str] = ..., code: _Optional[str] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...

class Waiting(_message.Message):
    __slots__ = ("position", "expected_start_ms")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_START_MS_FIELD_NUMBER: _ClassVar[int]
    position: int
    expected_start_ms: int
    def __init__(self, position: _Optional[int] = ..., expected_start_ms: _Optional[int] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("attempt", "seq", "head", "data", "terminal", "first_event", "checkpointed_events", "waiting")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TERMINAL_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVENT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    seq: int
    head: Head
    data: bytes
    terminal: Terminal
    first_event: int
    checkpointed_events: int
    waiting: Waiting
    def __init__(self, attempt: _Optional[int] = ..., seq: _Optional[int] = ..., head: _Optional[_Union[Head, _Mapping]] = ..., data: _Optional[bytes] = ..., terminal: _Optional[_Union[Terminal, _Mapping]] = ..., first_event: _Optional[int] = ..., checkpointed_events: _Optional[int] = ..., waiting: _Optional[_Union[Waiting, _Mapping]] = ...) -> None: ...

class UsageEvent(_message.Message):
    __slots__ = ("request_id", "model", "lane", "category", "body_bytes", "estimated_prompt_tokens", "budget_output_tokens", "usage", "accepted_unix_ms", "endpoint", "facts", "classification", "queue_wait_us", "first_data_us", "worker", "engine_preemptions", "moved")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    QUEUE_WAIT_US_FIELD_NUMBER: _ClassVar[int]
    FIRST_DATA_US_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    ENGINE_PREEMPTIONS_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: str
    lane: str
    category: str
    body_bytes: int
    estimated_prompt_tokens: int
    budget_output_tokens: int
    usage: Usage
    accepted_unix_ms: int
    endpoint: _request_pb2.Endpoint
    facts: _request_pb2.Facts
    classification: _request_pb2.Classification
    queue_wait_us: int
    first_data_us: int
    worker: str
    engine_preemptions: int
    moved: bool
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[str] = ..., lane: _Optional[str] = ..., category: _Optional[str] = ..., body_bytes: _Optional[int] = ..., estimated_prompt_tokens: _Optional[int] = ..., budget_output_tokens: _Optional[int] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., accepted_unix_ms: _Optional[int] = ..., endpoint: _Optional[_Union[_request_pb2.Endpoint, str]] = ..., facts: _Optional[_Union[_request_pb2.Facts, _Mapping]] = ..., classification: _Optional[_Union[_request_pb2.Classification, _Mapping]] = ..., queue_wait_us: _Optional[int] = ..., first_data_us: _Optional[int] = ..., worker: _Optional[str] = ..., engine_preemptions: _Optional[int] = ..., moved: _Optional[bool] = ...) -> None: ...
