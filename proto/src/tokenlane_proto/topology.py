"""Streams, consumers and buckets as data. `tokenlane_chassis.topology` makes the broker agree with it."""

from dataclasses import dataclass

from tokenlane_proto import subjects

REQUESTS = "TOKENLANE_REQUESTS"
LANES = "TOKENLANE_LANES"
RESULTS = "TOKENLANE_RESULTS"
PROGRESS = "TOKENLANE_PROGRESS"
DEAD = "TOKENLANE_DEAD"
USAGE = "TOKENLANE_USAGE"
CLASSIFIER = "classifier"
LANE_BUCKET = "tokenlane_lanes"
SCALE_BUCKET = "tokenlane_scale"
KEY_BUCKET = "tokenlane_keys"
TENANT_BUCKET = "tokenlane_tenants"
BOUNDARY_BUCKET = "tokenlane_boundaries"
ESTIMATE_BUCKET = "tokenlane_estimates"
LINE_BUCKET = "tokenlane_line"
BODY_STORE = "tokenlane_bodies"

ALL_USAGE = "usage.*"
ALL_CANCELS = "cancels.*"
ALL_ATTACHES = "attach.*"
ALL_CLAIMS = "claims.*"
ALL_STATUS = "status.*"
ALL_HELD = "held.*.*.*.*.*"

# Header block, envelope fields and subject on top of an OpenAI body. Unit: bytes.
ENVELOPE_OVERHEAD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A stream. Times in seconds, sizes in bytes; 0 means without limit."""

    name: str
    subjects: tuple[str, ...]
    work_queue: bool
    max_age_s: float = 0
    max_bytes: int = 0
    duplicate_window_s: float = 120
    latest_only: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """A durable pull consumer with explicit acknowledgement. Redelivered after `ack_wait_s` without a sign of life.
    With `ranked`, whoever pulls says how urgently, and is served before those who said less; otherwise first come,
    first served."""

    stream: str
    name: str
    filter_subject: str
    ack_wait_s: float = 10
    max_ack_pending: int = 65_536
    max_waiting: int = 4_096
    ranked: bool = False


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """A key-value bucket that keeps the latest value of each key, for `ttl_s` seconds; 0 means for ever."""

    name: str
    ttl_s: float = 0


@dataclass(frozen=True, slots=True)
class StoreSpec:
    """An object store. Objects live for `ttl_s` seconds, and not longer than what refers to them if all goes well."""

    name: str
    ttl_s: float
    max_bytes: int


STREAMS = (
    StreamSpec(REQUESTS, ("requests.*",), work_queue=True),
    StreamSpec(LANES, ("lanes.*.*.*.*.*", ALL_HELD), work_queue=True),
    StreamSpec(RESULTS, ("results.*.*",), work_queue=False, max_age_s=3_600, max_bytes=1024**3, latest_only=True),
    StreamSpec(PROGRESS, ("progress.*.*",), work_queue=False, max_age_s=86_400, max_bytes=256 * 1024**2),
    StreamSpec(DEAD, ("dead.*.*",), work_queue=False, max_age_s=7 * 86_400, max_bytes=256 * 1024**2, latest_only=True),
    StreamSpec(USAGE, (ALL_USAGE,), work_queue=False, max_age_s=7 * 86_400, max_bytes=1024**3),
)
BUCKETS = (
    BucketSpec(LANE_BUCKET),
    BucketSpec(SCALE_BUCKET),
    BucketSpec(KEY_BUCKET, ttl_s=86_400),
    BucketSpec(TENANT_BUCKET),
    BucketSpec(BOUNDARY_BUCKET),
    BucketSpec(ESTIMATE_BUCKET, ttl_s=30 * 86_400),
    BucketSpec(LINE_BUCKET),
)
STORES = (StoreSpec(BODY_STORE, ttl_s=86_400, max_bytes=1024**3),)
CLASSIFIER_CONSUMER = ConsumerSpec(REQUESTS, CLASSIFIER, "requests.*")


def lane_consumer(lane: str, fits: str, model: str) -> ConsumerSpec:
    """The consumer of what waits in a lane for a model and fits the engines of lane `fits`. All workers that take from
    that queue share it, the lane's own before those of other lanes."""
    # Durable names allow no dots or slashes; `escape` leaves none, and "%" is allowed. Neither a lane's name nor an
    # escaped model holds "=".
    name = f"{lane}={fits}={subjects.escape(model)}"
    return ConsumerSpec(LANES, name, subjects.lane_filter(lane, model, fits), ranked=True)


def key_record(tenant: str, request_id: str) -> str:
    """Key in the bucket of idempotency keys."""
    return f"{tenant}.{request_id}"


def lane_key(lane: str, model: str) -> str:
    """Key in the lane and scale buckets."""
    return f"{lane}.{model_key(model)}"


def model_key(model: str) -> str:
    """Key in the bucket of boundaries. Key-value keys allow no "%"; "=" stands for it."""
    return subjects.escape(model).replace("%", "=")
