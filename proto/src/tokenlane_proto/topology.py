"""Streams, consumers and buckets as data. `tokenlane_chassis.topology` makes the broker agree with it."""

from dataclasses import dataclass

from tokenlane_proto import subjects

REQUESTS = "TOKENLANE_REQUESTS"
LANES = "TOKENLANE_LANES"
RESULTS = "TOKENLANE_RESULTS"
CLASSIFIER = "classifier"
LANE_BUCKET = "tokenlane_lanes"
SCALE_BUCKET = "tokenlane_scale"

ALL_USAGE = "usage.*"
ALL_CANCELS = "cancels.*"

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
    """A durable pull consumer with explicit acknowledgement. Redelivered after `ack_wait_s` without a sign of life."""

    stream: str
    name: str
    filter_subject: str
    ack_wait_s: float = 30
    max_ack_pending: int = 65_536
    max_waiting: int = 4_096


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """A key-value bucket that keeps the latest value of each key."""

    name: str


STREAMS = (
    StreamSpec(REQUESTS, ("requests.*",), work_queue=True),
    StreamSpec(LANES, ("lanes.*.*.*.*",), work_queue=True),
    StreamSpec(RESULTS, ("results.*.*",), work_queue=False, max_age_s=3_600, max_bytes=1024**3, latest_only=True),
)
BUCKETS = (BucketSpec(LANE_BUCKET), BucketSpec(SCALE_BUCKET))
CLASSIFIER_CONSUMER = ConsumerSpec(REQUESTS, CLASSIFIER, "requests.*")


def lane_consumer(lane: str, model: str) -> ConsumerSpec:
    """The consumer that the workers of a lane and model share."""
    # Durable names allow no dots or slashes; `escape` leaves none, and "%" is allowed.
    return ConsumerSpec(LANES, f"{lane}-{subjects.escape(model)}", subjects.lane_filter(lane, model))


def lane_key(lane: str, model: str) -> str:
    """Key in the lane and scale buckets. Key-value keys allow no "%"; "=" stands for it."""
    return f"{lane}.{subjects.escape(model).replace('%', '=')}"
