"""Make the broker's streams, consumers and buckets agree with `tokenlane_proto.topology`.

What is missing is created. What is there with other settings is reported and left alone: an operator may have tuned it.
Only what would break the contract (another subject, another retention) refuses to start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    KeyValueConfig,
    ObjectStoreConfig,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError, ServiceUnavailableError

from tokenlane_chassis.errors import StartError
from tokenlane_chassis.pull import PRIORITY_GROUP
from tokenlane_proto.topology import (
    BUCKETS,
    CLASSIFIER_CONSUMER,
    STORES,
    STREAMS,
    BucketSpec,
    ConsumerSpec,
    StoreSpec,
    StreamSpec,
)


@dataclass
class _ConsumerConfig(ConsumerConfig):
    """With what nats-py does not know yet: consumers whose pulls have priorities (nats-server 2.12)."""

    priority_policy: str | None = None
    priority_groups: list[str] | None = None


async def ensure(jetstream: JetStreamContext, replicas: int, log: structlog.stdlib.BoundLogger) -> None:
    """Create what is missing. Raises StartError on a conflict or a refusal of the broker; nats-py's TimeoutError and
    ServiceUnavailableError where it cannot say: may be called again."""
    try:
        for stream in STREAMS:
            await _ensure_stream(jetstream, stream, replicas, log)
        for bucket in BUCKETS:
            await _ensure_bucket(jetstream, bucket, replicas, log)
        for store in STORES:
            await _ensure_store(jetstream, store, replicas, log)
        await ensure_consumer(jetstream, CLASSIFIER_CONSUMER, log)
    except (NatsTimeoutError, ServiceUnavailableError):
        raise
    except NatsError as error:
        raise StartError(f"the bus refuses the streams: {error}") from None


async def ensure_consumer(jetstream: JetStreamContext, spec: ConsumerSpec, log: structlog.stdlib.BoundLogger) -> float:
    """Create a durable consumer unless it is there. Returns the seconds it waits for a sign of life. Raises StartError
    if it is there with another filter."""
    wanted = _ConsumerConfig(
        durable_name=spec.name,
        filter_subject=spec.filter_subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait_s,
        max_ack_pending=spec.max_ack_pending,
        max_waiting=spec.max_waiting,
        max_deliver=-1,
        priority_policy="prioritized" if spec.ranked else None,
        priority_groups=[PRIORITY_GROUP] if spec.ranked else None,
    )
    try:
        found = (await jetstream.consumer_info(spec.stream, spec.name)).config
    except NotFoundError:
        await jetstream.add_consumer(spec.stream, wanted)
        return spec.ack_wait_s
    if found.filter_subject != spec.filter_subject:
        raise StartError(f"consumer {spec.name} exists with filter {found.filter_subject}, not {spec.filter_subject}")
    tuned = {
        "ack_wait": (found.ack_wait, spec.ack_wait_s),
        "max_ack_pending": (found.max_ack_pending, spec.max_ack_pending),
    }
    _report(log, f"consumer {spec.name}", tuned)
    return found.ack_wait or spec.ack_wait_s


async def _ensure_stream(
    jetstream: JetStreamContext, spec: StreamSpec, replicas: int, log: structlog.stdlib.BoundLogger
) -> None:
    wanted = _stream_config(spec, replicas)
    try:
        found = (await jetstream.stream_info(spec.name)).config
    except NotFoundError:
        await jetstream.add_stream(wanted)
        return
    if sorted(found.subjects or ()) != sorted(spec.subjects) or found.retention != wanted.retention:
        raise StartError(
            f"stream {spec.name} exists with subjects {found.subjects} and {found.retention} retention, "
            f"not {list(spec.subjects)} and {wanted.retention}"
        )
    tuned = {
        "max_age": (found.max_age, wanted.max_age),
        "max_bytes": (found.max_bytes, wanted.max_bytes),
        "duplicate_window": (found.duplicate_window, wanted.duplicate_window),
        "replicas": (found.num_replicas, replicas),
        "storage": (found.storage, wanted.storage),
    }
    _report(log, f"stream {spec.name}", tuned)


async def _ensure_bucket(
    jetstream: JetStreamContext, spec: BucketSpec, replicas: int, log: structlog.stdlib.BoundLogger
) -> None:
    try:
        found = (await jetstream.stream_info(f"KV_{spec.name}")).config
    except NotFoundError:
        wanted = KeyValueConfig(bucket=spec.name, history=1, ttl=spec.ttl_s or None, replicas=replicas, direct=True)
        await jetstream.create_key_value(wanted)
        return
    _report(
        log,
        f"bucket {spec.name}",
        {"ttl": (found.max_age or 0, spec.ttl_s), "replicas": (found.num_replicas, replicas)},
    )


async def _ensure_store(
    jetstream: JetStreamContext, spec: StoreSpec, replicas: int, log: structlog.stdlib.BoundLogger
) -> None:
    try:
        found = (await jetstream.stream_info(f"OBJ_{spec.name}")).config
    except NotFoundError:
        wanted = ObjectStoreConfig(bucket=spec.name, ttl=spec.ttl_s, max_bytes=spec.max_bytes, replicas=replicas)
        await jetstream.create_object_store(spec.name, wanted)
        return
    tuned = {
        "ttl": (found.max_age, spec.ttl_s),
        "max_bytes": (found.max_bytes, spec.max_bytes),
        "replicas": (found.num_replicas, replicas),
    }
    _report(log, f"store {spec.name}", tuned)


def _stream_config(spec: StreamSpec, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=RetentionPolicy.WORK_QUEUE if spec.work_queue else RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW if spec.work_queue else DiscardPolicy.OLD,
        max_age=spec.max_age_s,
        max_bytes=spec.max_bytes or -1,
        max_msgs_per_subject=1 if spec.latest_only else -1,
        duplicate_window=spec.duplicate_window_s,
        num_replicas=replicas,
        allow_direct=True,
    )


def _report(log: structlog.stdlib.BoundLogger, what: str, values: Mapping[str, tuple[object, object]]) -> None:
    for name, (found, wanted) in values.items():
        if found != wanted:
            log.warning("exists with another setting, left alone", what=what, setting=name, found=found, default=wanted)
