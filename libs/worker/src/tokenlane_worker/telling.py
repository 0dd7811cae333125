"""What the rest of the bus is told of a request that an engine answered."""

from tokenlane.v1.reply_pb2 import Usage, UsageEvent
from tokenlane_worker.job import Job
from tokenlane_worker.station import Station


def usage_event(station: Station, job: Job, counted: Usage) -> UsageEvent:
    """What `job` took, what it was thought to take, and when its parts happened."""
    request, answer = job.request, job.answer
    given, stats = request.classification, station.stats()
    return UsageEvent(
        request_id=request.request_id,
        model=request.facts.model,
        lane=station.lane_for(job.lane),
        category=given.category,
        body_bytes=job.body_bytes,
        estimated_prompt_tokens=given.prompt_tokens,
        budget_output_tokens=given.output_tokens,
        usage=counted,
        accepted_unix_ms=request.accepted_unix_ms,
        endpoint=request.endpoint,
        facts=request.facts,
        classification=given,
        queue_wait_us=answer.queue_wait_us if answer is not None else 0,
        first_data_us=answer.first_data_us if answer is not None else 0,
        worker=station.worker_id,
        engine_preemptions=stats.preemptions if stats is not None else 0,
        moved=request.moved,
    )
