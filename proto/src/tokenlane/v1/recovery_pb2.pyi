from tokenlane.v1 import reply_pb2 as _reply_pb2
from tokenlane.v1 import request_pb2 as _request_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RequestState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REQUEST_STATE_UNSPECIFIED: _ClassVar[RequestState]
    REQUEST_STATE_ACCEPTED: _ClassVar[RequestState]
    REQUEST_STATE_QUEUED: _ClassVar[RequestState]
    REQUEST_STATE_RUNNING: _ClassVar[RequestState]
REQUEST_STATE_UNSPECIFIED: RequestState
REQUEST_STATE_ACCEPTED: RequestState
REQUEST_STATE_QUEUED: RequestState
REQUEST_STATE_RUNNING: RequestState

class Attach(_message.Message):
    __slots__ = ("request_id", "inbox", "first_event", "digest")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INBOX_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVENT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    inbox: str
    first_event: int
    digest: int
    def __init__(self, request_id: _Optional[str] = ..., inbox: _Optional[str] = ..., first_event: _Optional[int] = ..., digest: _Optional[int] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ("request_id", "attempt", "checkpointed_events")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    attempt: int
    checkpointed_events: int
    def __init__(self, request_id: _Optional[str] = ..., attempt: _Optional[int] = ..., checkpointed_events: _Optional[int] = ...) -> None: ...

class Shown(_message.Message):
    __slots__ = ("events", "first_event", "tail", "head")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVENT_FIELD_NUMBER: _ClassVar[int]
    TAIL_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    events: int
    first_event: int
    tail: bytes
    head: _reply_pb2.Head
    def __init__(self, events: _Optional[int] = ..., first_event: _Optional[int] = ..., tail: _Optional[bytes] = ..., head: _Optional[_Union[_reply_pb2.Head, _Mapping]] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ("attempt", "first_event", "data", "head")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FIRST_EVENT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    HEAD_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    first_event: int
    data: bytes
    head: _reply_pb2.Head
    def __init__(self, attempt: _Optional[int] = ..., first_event: _Optional[int] = ..., data: _Optional[bytes] = ..., head: _Optional[_Union[_reply_pb2.Head, _Mapping]] = ...) -> None: ...

class AttemptStart(_message.Message):
    __slots__ = ("attempt", "worker")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    worker: str
    def __init__(self, attempt: _Optional[int] = ..., worker: _Optional[str] = ...) -> None: ...

class AttemptEnd(_message.Message):
    __slots__ = ("attempt", "worker", "reason", "handed_over", "ended_unix_ms")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HANDED_OVER_FIELD_NUMBER: _ClassVar[int]
    ENDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    worker: str
    reason: str
    handed_over: bool
    ended_unix_ms: int
    def __init__(self, attempt: _Optional[int] = ..., worker: _Optional[str] = ..., reason: _Optional[str] = ..., handed_over: _Optional[bool] = ..., ended_unix_ms: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("checkpoint", "ended", "started")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    checkpoint: Checkpoint
    ended: AttemptEnd
    started: AttemptStart
    def __init__(self, checkpoint: _Optional[_Union[Checkpoint, _Mapping]] = ..., ended: _Optional[_Union[AttemptEnd, _Mapping]] = ..., started: _Optional[_Union[AttemptStart, _Mapping]] = ...) -> None: ...

class DeadLetter(_message.Message):
    __slots__ = ("request", "tenant", "reason", "history", "attempts", "died_unix_ms")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DIED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    request: _request_pb2.Request
    tenant: str
    reason: str
    history: _containers.RepeatedCompositeFieldContainer[AttemptEnd]
    attempts: int
    died_unix_ms: int
    def __init__(self, request: _Optional[_Union[_request_pb2.Request, _Mapping]] = ..., tenant: _Optional[str] = ..., reason: _Optional[str] = ..., history: _Optional[_Iterable[_Union[AttemptEnd, _Mapping]]] = ..., attempts: _Optional[int] = ..., died_unix_ms: _Optional[int] = ...) -> None: ...

class RequestStatus(_message.Message):
    __slots__ = ("state", "lane", "model", "attempt", "lane_seq", "events", "budget_tokens", "accepted_unix_ms", "ahead", "expected_start_ms")
    STATE_FIELD_NUMBER: _ClassVar[int]
    LANE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    LANE_SEQ_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    BUDGET_TOKENS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_START_MS_FIELD_NUMBER: _ClassVar[int]
    state: RequestState
    lane: str
    model: str
    attempt: int
    lane_seq: int
    events: int
    budget_tokens: int
    accepted_unix_ms: int
    ahead: int
    expected_start_ms: int
    def __init__(self, state: _Optional[_Union[RequestState, str]] = ..., lane: _Optional[str] = ..., model: _Optional[str] = ..., attempt: _Optional[int] = ..., lane_seq: _Optional[int] = ..., events: _Optional[int] = ..., budget_tokens: _Optional[int] = ..., accepted_unix_ms: _Optional[int] = ..., ahead: _Optional[int] = ..., expected_start_ms: _Optional[int] = ...) -> None: ...

class KeyRecord(_message.Message):
    __slots__ = ("body_sha256", "requests_seq", "accepted_unix_ms", "refusal_seq")
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_SEQ_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_SEQ_FIELD_NUMBER: _ClassVar[int]
    body_sha256: bytes
    requests_seq: int
    accepted_unix_ms: int
    refusal_seq: int
    def __init__(self, body_sha256: _Optional[bytes] = ..., requests_seq: _Optional[int] = ..., accepted_unix_ms: _Optional[int] = ..., refusal_seq: _Optional[int] = ...) -> None: ...

class TenantPolicy(_message.Message):
    __slots__ = ("timeout_ms", "weight", "tokens_in_flight", "tokens_per_minute", "requests_queued", "context_tokens", "priority", "ttft_limit_ms")
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_QUEUED_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TTFT_LIMIT_MS_FIELD_NUMBER: _ClassVar[int]
    timeout_ms: int
    weight: float
    tokens_in_flight: int
    tokens_per_minute: int
    requests_queued: int
    context_tokens: int
    priority: _request_pb2.Priority
    ttft_limit_ms: int
    def __init__(self, timeout_ms: _Optional[int] = ..., weight: _Optional[float] = ..., tokens_in_flight: _Optional[int] = ..., tokens_per_minute: _Optional[int] = ..., requests_queued: _Optional[int] = ..., context_tokens: _Optional[int] = ..., priority: _Optional[_Union[_request_pb2.Priority, str]] = ..., ttft_limit_ms: _Optional[int] = ...) -> None: ...
