from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Endpoint(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENDPOINT_UNSPECIFIED: _ClassVar[Endpoint]
    ENDPOINT_CHAT_COMPLETIONS: _ClassVar[Endpoint]
    ENDPOINT_COMPLETIONS: _ClassVar[Endpoint]

class ReplyFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REPLY_FORMAT_UNSPECIFIED: _ClassVar[ReplyFormat]
    REPLY_FORMAT_PLAIN: _ClassVar[ReplyFormat]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]
    PRIORITY_STANDARD: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]
ENDPOINT_UNSPECIFIED: Endpoint
ENDPOINT_CHAT_COMPLETIONS: Endpoint
ENDPOINT_COMPLETIONS: Endpoint
REPLY_FORMAT_UNSPECIFIED: ReplyFormat
REPLY_FORMAT_PLAIN: ReplyFormat
PRIORITY_UNSPECIFIED: Priority
PRIORITY_INTERACTIVE: Priority
PRIORITY_STANDARD: Priority
PRIORITY_BATCH: Priority

class Facts(_message.Message):
    __slots__ = ("model", "stream", "include_usage", "max_output_tokens", "choices", "messages", "system_hash", "tools_hash", "tools_bytes", "media_bytes", "media_parts", "system_bytes")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_USAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_HASH_FIELD_NUMBER: _ClassVar[int]
    TOOLS_HASH_FIELD_NUMBER: _ClassVar[int]
    TOOLS_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_BYTES_FIELD_NUMBER: _ClassVar[int]
    MEDIA_PARTS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_BYTES_FIELD_NUMBER: _ClassVar[int]
    model: str
    stream: bool
    include_usage: bool
    max_output_tokens: int
    choices: int
    messages: int
    system_hash: int
    tools_hash: int
    tools_bytes: int
    media_bytes: int
    media_parts: int
    system_bytes: int
    def __init__(self, model: _Optional[str] = ..., stream: _Optional[bool] = ..., include_usage: _Optional[bool] = ..., max_output_tokens: _Optional[int] = ..., choices: _Optional[int] = ..., messages: _Optional[int] = ..., system_hash: _Optional[int] = ..., tools_hash: _Optional[int] = ..., tools_bytes: _Optional[int] = ..., media_bytes: _Optional[int] = ..., media_parts: _Optional[int] = ..., system_bytes: _Optional[int] = ...) -> None: ...

class Classification(_message.Message):
    __slots__ = ("lane", "prompt_tokens", "output_tokens", "category", "classified_unix_ms", "fits", "byte_classes", "typical_output_tokens", "expected_prompt_tokens", "ttft_limit_ms", "ttft_asked", "priority", "least_prompt_tokens")
    LANE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    CLASSIFIED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FITS_FIELD_NUMBER: _ClassVar[int]
    BYTE_CLASSES_FIELD_NUMBER: _ClassVar[int]
    TYPICAL_OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TTFT_LIMIT_MS_FIELD_NUMBER: _ClassVar[int]
    TTFT_ASKED_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    LEAST_PROMPT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    lane: str
    prompt_tokens: int
    output_tokens: int
    category: str
    classified_unix_ms: int
    fits: str
    byte_classes: _containers.RepeatedScalarFieldContainer[int]
    typical_output_tokens: int
    expected_prompt_tokens: int
    ttft_limit_ms: int
    ttft_asked: bool
    priority: Priority
    least_prompt_tokens: int
    def __init__(self, lane: _Optional[str] = ..., prompt_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., category: _Optional[str] = ..., classified_unix_ms: _Optional[int] = ..., fits: _Optional[str] = ..., byte_classes: _Optional[_Iterable[int]] = ..., typical_output_tokens: _Optional[int] = ..., expected_prompt_tokens: _Optional[int] = ..., ttft_limit_ms: _Optional[int] = ..., ttft_asked: _Optional[bool] = ..., priority: _Optional[_Union[Priority, str]] = ..., least_prompt_tokens: _Optional[int] = ...) -> None: ...

class BodyRef(_message.Message):
    __slots__ = ("object", "size", "sample")
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_FIELD_NUMBER: _ClassVar[int]
    object: str
    size: int
    sample: bytes
    def __init__(self, object: _Optional[str] = ..., size: _Optional[int] = ..., sample: _Optional[bytes] = ...) -> None: ...

class Request(_message.Message):
    __slots__ = ("request_id", "endpoint", "reply_inbox", "reply_format", "deadline_unix_ms", "accepted_unix_ms", "facts", "idempotency_key", "body_sha256", "body_ref", "attempts_before", "too_short_tokens", "moved", "body", "classification", "priority", "ttft_limit_ms")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    REPLY_INBOX_FIELD_NUMBER: _ClassVar[int]
    REPLY_FORMAT_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_UNIX_MS_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    BODY_REF_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    TOO_SHORT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MOVED_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TTFT_LIMIT_MS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    endpoint: Endpoint
    reply_inbox: str
    reply_format: ReplyFormat
    deadline_unix_ms: int
    accepted_unix_ms: int
    facts: Facts
    idempotency_key: str
    body_sha256: bytes
    body_ref: BodyRef
    attempts_before: int
    too_short_tokens: int
    moved: bool
    body: bytes
    classification: Classification
    priority: Priority
    ttft_limit_ms: int
    def __init__(self, request_id: _Optional[str] = ..., endpoint: _Optional[_Union[Endpoint, str]] = ..., reply_inbox: _Optional[str] = ..., reply_format: _Optional[_Union[ReplyFormat, str]] = ..., deadline_unix_ms: _Optional[int] = ..., accepted_unix_ms: _Optional[int] = ..., facts: _Optional[_Union[Facts, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., body_sha256: _Optional[bytes] = ..., body_ref: _Optional[_Union[BodyRef, _Mapping]] = ..., attempts_before: _Optional[int] = ..., too_short_tokens: _Optional[int] = ..., moved: _Optional[bool] = ..., body: _Optional[bytes] = ..., classification: _Optional[_Union[Classification, _Mapping]] = ..., priority: _Optional[_Union[Priority, str]] = ..., ttft_limit_ms: _Optional[int] = ...) -> None: ...
