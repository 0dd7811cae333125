"""The shell around `policy`: look at each lane, decide, and write the replicas wanted where they changed."""

from collections.abc import Callable

from tokenlane.v1.lane_pb2 import DesiredReplicas, LaneProfile
from tokenlane_autoscaler.backlog import Backlog, backlog, by_queue
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.metrics import Metrics
from tokenlane_autoscaler.policy import Decision, LaneState, Lower, PolicySettings, decide
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_autoscaler.throughput import Sample, Throughput
from tokenlane_chassis.errors import BusError
from tokenlane_chassis.service import Context
from tokenlane_proto import subjects, topology


class Autoscaler:
    """`unix_ms` stamps what is written."""

    def __init__(
        self, context: Context[AutoscalerSettings], lanes: Lanes, metrics: Metrics, unix_ms: Callable[[], int]
    ) -> None:
        settings = context.settings
        self._bus = context.bus
        self._log = context.log
        self._lanes = lanes
        self._metrics = metrics
        self._unix_ms = unix_ms
        self._settings = settings
        self._policy = PolicySettings(
            target_drain_s=settings.target_drain_s,
            min_replicas=settings.min_replicas,
            max_replicas=settings.max_replicas,
            cooldown_s=settings.cooldown_s,
            scale_up_factor=settings.scale_up_factor,
        )
        self._throughput: dict[str, Throughput] = {}
        self._lower: dict[str, Lower | None] = {}
        self.backlogs: dict[str, Backlog] = {}
        """By key of the lane bucket, as seen last."""

    async def look(self, now_s: float) -> None:
        """Once over all lanes, at `now_s` seconds of a steady clock. A lane that cannot be read stays as it is."""
        for key, profile in list(self._lanes.profiles.items()):
            try:
                await self._look_at(key, profile, now_s)
            except BusError as error:
                self._log.warning("lane not looked at", lane=profile.lane, model=profile.model, reason=str(error))

    async def _look_at(self, key: str, profile: LaneProfile, now_s: float) -> None:
        found = self.backlogs[key] = await self._backlog_of(profile)
        state = self._state_of(key, profile, found, now_s)
        decision = decide(state, self._policy, now_s)
        self._lower[key] = decision.lower
        self._metrics.decided(profile.lane, profile.model, state, decision)
        if key not in self._lanes.wanted or decision.replicas != state.replicas:
            await self._write(key, profile, state, decision)

    async def _backlog_of(self, profile: LaneProfile) -> Backlog:
        held = await self._bus.subject_counts(topology.LANES, subjects.held_filter(profile.lane, profile.model))
        lane_filter = subjects.lane_filter(profile.lane, profile.model)
        counts = await self._bus.subject_counts(topology.LANES, lane_filter)
        found = backlog(held, 1, 0)
        for fits, counted in by_queue(counts).items():
            consumer = await self._bus.consumer_counts(topology.lane_consumer(profile.lane, fits, profile.model))
            found = found.plus(backlog(counted, consumer.pending, consumer.in_progress))
        return found

    def _state_of(self, key: str, profile: LaneProfile, found: Backlog, now_s: float) -> LaneState:
        replicas = self._replicas(key)
        throughput = self._throughput.get(key) or Throughput(self._settings.replica_tokens_per_s)
        sample = Sample(
            now_s,
            self._lanes.finished_tokens.get(key, 0),
            self._lanes.ran_tokens.get(key, 0),
            found.waiting_tokens > 0,
            replicas,
        )
        throughput = throughput.sampled(sample, self._settings.window_s, self._settings.cooldown_s)
        self._throughput[key] = throughput
        return LaneState(
            replicas=replicas,
            waiting_tokens=found.waiting_tokens,
            running_tokens=found.running_tokens,
            running_replicas=_filled(profile, found),
            load_tokens_per_s=throughput.load_tokens_per_s,
            replica_tokens_per_s=throughput.replica_tokens_per_s,
            lower=self._lower.get(key),
        )

    def _replicas(self, key: str) -> int:
        """What was wanted last. A lane of which nothing was written yet has the worker that registered it."""
        wanted = self._lanes.wanted.get(key)
        return 1 if wanted is None else wanted.replicas

    async def _write(self, key: str, profile: LaneProfile, state: LaneState, decision: Decision) -> None:
        desired = DesiredReplicas(replicas=decision.replicas, reason=decision.reason, decided_unix_ms=self._unix_ms())
        await self._bus.put(topology.SCALE_BUCKET, key, desired.SerializeToString())
        self._lanes.wanted[key] = desired
        self._log.info(
            "replicas wanted",
            lane=profile.lane,
            model=profile.model,
            replicas=decision.replicas,
            before=state.replicas,
            reason=decision.reason,
            waiting_tokens=round(state.waiting_tokens),
            running_tokens=round(state.running_tokens),
            load_tokens_per_s=round(state.load_tokens_per_s),
            replica_tokens_per_s=round(state.replica_tokens_per_s),
        )


def _filled(profile: LaneProfile, found: Backlog) -> float:
    """How many replicas the running requests fill, by KV cache or by sequences, whichever is scarcer."""
    by_tokens = found.running_tokens / profile.kv_capacity_tokens if profile.kv_capacity_tokens else 0.0
    by_sequences = found.running_requests / profile.max_num_seqs if profile.max_num_seqs else 0.0
    return max(by_tokens, by_sequences)
