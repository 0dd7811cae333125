from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LaneProfile(_message.Message):
    __slots__ = ("lane", "model", "max_model_len", "kv_capacity_tokens", "max_num_seqs", "simulated", "elastic", "max_num_batched_tokens")
    LANE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MAX_MODEL_LEN_FIELD_NUMBER: _ClassVar[int]
    KV_CAPACITY_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MAX_NUM_SEQS_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    ELASTIC_FIELD_NUMBER: _ClassVar[int]
    MAX_NUM_BATCHED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    lane: str
    model: str
    max_model_len: int
    kv_capacity_tokens: int
    max_num_seqs: int
    simulated: bool
    elastic: bool
    max_num_batched_tokens: int
    def __init__(self, lane: _Optional[str] = ..., model: _Optional[str] = ..., max_model_len: _Optional[int] = ..., kv_capacity_tokens: _Optional[int] = ..., max_num_seqs: _Optional[int] = ..., simulated: _Optional[bool] = ..., elastic: _Optional[bool] = ..., max_num_batched_tokens: _Optional[int] = ...) -> None: ...

class Boundaries(_message.Message):
    __slots__ = ("lanes", "reason", "decided_unix_ms")
    LANES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECIDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[LaneUpper]
    reason: str
    decided_unix_ms: int
    def __init__(self, lanes: _Optional[_Iterable[_Union[LaneUpper, _Mapping]]] = ..., reason: _Optional[str] = ..., decided_unix_ms: _Optional[int] = ...) -> None: ...

class LaneUpper(_message.Message):
    __slots__ = ("lane", "upper_tokens")
    LANE_FIELD_NUMBER: _ClassVar[int]
    UPPER_TOKENS_FIELD_NUMBER: _ClassVar[int]
    lane: str
    upper_tokens: int
    def __init__(self, lane: _Optional[str] = ..., upper_tokens: _Optional[int] = ...) -> None: ...

class DesiredReplicas(_message.Message):
    __slots__ = ("replicas", "reason", "decided_unix_ms")
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECIDED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    replicas: int
    reason: str
    decided_unix_ms: int
    def __init__(self, replicas: _Optional[int] = ..., reason: _Optional[str] = ..., decided_unix_ms: _Optional[int] = ...) -> None: ...
