from tokenlane.v1 import request_pb2 as _request_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Candidate(_message.Message):
    __slots__ = ("tenant", "request_id", "model", "accepted_unix_ms", "deadline_unix_ms", "classification", "held_seq", "max_output_tokens", "same", "reply_inbox", "system_hash", "tools_hash")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    HELD_SEQ_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SAME_FIELD_NUMBER: _ClassVar[int]
    REPLY_INBOX_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_HASH_FIELD_NUMBER: _ClassVar[int]
    TOOLS_HASH_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    request_id: str
    model: str
    accepted_unix_ms: int
    deadline_unix_ms: int
    classification: _request_pb2.Classification
    held_seq: int
    max_output_tokens: int
    same: str
    reply_inbox: str
    system_hash: int
    tools_hash: int
    def __init__(self, tenant: _Optional[str] = ..., request_id: _Optional[str] = ..., model: _Optional[str] = ..., accepted_unix_ms: _Optional[int] = ..., deadline_unix_ms: _Optional[int] = ..., classification: _Optional[_Union[_request_pb2.Classification, _Mapping]] = ..., held_seq: _Optional[int] = ..., max_output_tokens: _Optional[int] = ..., same: _Optional[str] = ..., reply_inbox: _Optional[str] = ..., system_hash: _Optional[int] = ..., tools_hash: _Optional[int] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ("candidates",)
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    def __init__(self, candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("kind", "status", "code", "message", "retry_after_ms", "position", "expected_start_ms")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Verdict.Kind]
        KIND_HOLD: _ClassVar[Verdict.Kind]
        KIND_REFUSE: _ClassVar[Verdict.Kind]
    KIND_UNSPECIFIED: Verdict.Kind
    KIND_HOLD: Verdict.Kind
    KIND_REFUSE: Verdict.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_START_MS_FIELD_NUMBER: _ClassVar[int]
    kind: Verdict.Kind
    status: int
    code: str
    message: str
    retry_after_ms: int
    position: int
    expected_start_ms: int
    def __init__(self, kind: _Optional[_Union[Verdict.Kind, str]] = ..., status: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., position: _Optional[int] = ..., expected_start_ms: _Optional[int] = ...) -> None: ...

class Verdicts(_message.Message):
    __slots__ = ("verdicts",)
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    def __init__(self, verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ...) -> None: ...

class Held(_message.Message):
    __slots__ = ("candidate",)
    CANDIDATE_FIELD_NUMBER: _ClassVar[int]
    candidate: Candidate
    def __init__(self, candidate: _Optional[_Union[Candidate, _Mapping]] = ...) -> None: ...

class Room(_message.Message):
    __slots__ = ("worker", "model", "queues", "gone", "whole", "running", "kv_tokens")
    WORKER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    KV_TOKENS_FIELD_NUMBER: _ClassVar[int]
    worker: str
    model: str
    queues: _containers.RepeatedCompositeFieldContainer[QueueRoom]
    gone: bool
    whole: bool
    running: _containers.RepeatedCompositeFieldContainer[Running]
    kv_tokens: int
    def __init__(self, worker: _Optional[str] = ..., model: _Optional[str] = ..., queues: _Optional[_Iterable[_Union[QueueRoom, _Mapping]]] = ..., gone: _Optional[bool] = ..., whole: _Optional[bool] = ..., running: _Optional[_Iterable[_Union[Running, _Mapping]]] = ..., kv_tokens: _Optional[int] = ...) -> None: ...

class Running(_message.Message):
    __slots__ = ("tenant", "request_id", "tokens")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    request_id: str
    tokens: int
    def __init__(self, tenant: _Optional[str] = ..., request_id: _Optional[str] = ..., tokens: _Optional[int] = ...) -> None: ...

class QueueRoom(_message.Message):
    __slots__ = ("lane", "fits", "tokens", "sequences", "prefill_tokens", "taken", "reserve_tokens", "reserve_sequences", "reserve_prefill_tokens", "flood_reserve_prefill_tokens")
    LANE_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    PREFILL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    RESERVE_TOKENS_FIELD_NUMBER: _ClassVar[int]
    RESERVE_SEQUENCES_FIELD_NUMBER: _ClassVar[int]
    RESERVE_PREFILL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FLOOD_RESERVE_PREFILL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    lane: str
    fits: str
    tokens: int
    sequences: int
    prefill_tokens: int
    taken: int
    reserve_tokens: int
    reserve_sequences: int
    reserve_prefill_tokens: int
    flood_reserve_prefill_tokens: int
    def __init__(self, lane: _Optional[str] = ..., fits: _Optional[str] = ..., tokens: _Optional[int] = ..., sequences: _Optional[int] = ..., prefill_tokens: _Optional[int] = ..., taken: _Optional[int] = ..., reserve_tokens: _Optional[int] = ..., reserve_sequences: _Optional[int] = ..., reserve_prefill_tokens: _Optional[int] = ..., flood_reserve_prefill_tokens: _Optional[int] = ...) -> None: ...
