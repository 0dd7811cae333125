"""Reads usage and lanes, has each model's boundaries decided, and writes those that change."""

from collections.abc import Callable, Mapping

from tokenlane_autoscaler.backlog import Backlog
from tokenlane_autoscaler.boundary.follower import Follower
from tokenlane_autoscaler.boundary.followers import Followers, Kept
from tokenlane_autoscaler.boundary.message import read, written
from tokenlane_autoscaler.boundary.metrics import BoundaryMetrics
from tokenlane_autoscaler.lanes import Lanes
from tokenlane_autoscaler.settings import AutoscalerSettings
from tokenlane_chassis.bus import Message
from tokenlane_chassis.errors import BusError
from tokenlane_chassis.service import Context
from tokenlane_fleet.boundary import BoundaryDecision, Current, Uppers
from tokenlane_proto import codec, topology
from tokenlane_proto.errors import MalformedMessageError


class BoundaryKeeper:
    """Keeps the boundaries of all models. `backlogs`: by key of the lane bucket, as they were seen last. `unix_ms` is
    the clock that decisions are timed by, so that a restart goes on where it was."""

    def __init__(
        self,
        context: Context[AutoscalerSettings],
        lanes: Lanes,
        backlogs: Mapping[str, Backlog],
        unix_ms: Callable[[], int],
    ) -> None:
        self._bus = context.bus
        self._log = context.log
        self._is_fixed = context.settings.boundary == "fixed"
        self._followers = Followers(context.settings, lanes, backlogs)
        self._metrics = BoundaryMetrics(context.registry)
        self._unix_ms = unix_ms
        self._said: dict[str, str] = {}

    def used(self, message: Message) -> None:
        """A request is finished. Handler of the bus; one that cannot be read is logged by `Lanes`."""
        if self._is_fixed:
            return
        try:
            event = codec.decode_usage(message.data)
        except MalformedMessageError:
            return
        self._followers.used(event, self._now_s())

    def changed(self, key: str, value: bytes | None) -> None:
        """Boundaries were written, by this process or an operator, or deleted. Handler of the bus."""
        kept: Kept = None
        if value is not None:
            try:
                message = codec.decode_boundaries(value)
                kept = read(message), message.decided_unix_ms / 1e3
            except (MalformedMessageError, ValueError) as error:
                self._log.warning("boundaries ignored", key=key, reason=str(error))
                return
        self._followers.told(key, kept)

    async def warm_up(self, since_s: float, most: int) -> None:
        """Learn the lengths of what was finished in the last `since_s` seconds, `most` requests at most."""
        since, count = self._unix_ms() - round(since_s * 1e3), 0
        try:
            async for message in self._bus.read(topology.USAGE, topology.ALL_USAGE, since):
                self._remember(message)
                count += 1
                if count >= most:
                    return
        except BusError as error:
            self._log.warning("usage not read back", reason=str(error))

    async def look(self) -> None:
        """Once over all models. With fixed boundaries what an earlier process wrote is deleted, and nothing written."""
        if self._is_fixed:
            await self._forget()
            return
        for model, profiles in self._followers.models().items():
            follower = self._followers.of(model)
            before = follower.current
            decision = follower.look([self._followers.seen(profile) for profile in profiles], self._now_s())
            if decision.changed:
                await self._write(model, follower, before, decision)
            else:
                self._say(model, decision)
            lengths = {profile.lane: profile.max_model_len for profile in profiles}
            self._metrics.stands(model, follower.current.uppers, lengths)

    def _say(self, model: str, decision: BoundaryDecision) -> None:
        """Why nothing changes: once, and what is only waited for to who wants to know."""
        if decision.current.wrong_since_s is not None:
            self._log.debug("boundaries kept", model=model, reason=decision.reason, lanes=_text(decision.uppers))
        elif self._said.get(model) != decision.reason:
            self._said[model] = decision.reason
            self._log.info("boundaries kept", model=model, reason=decision.reason, lanes=_text(decision.uppers))

    async def _write(self, model: str, follower: Follower, before: Current, decision: BoundaryDecision) -> None:
        message = written(decision.uppers, decision.reason, self._unix_ms())
        try:
            await self._bus.put(topology.BOUNDARY_BUCKET, topology.model_key(model), message.SerializeToString())
        except BusError as error:
            follower.current = before
            self._log.warning("boundaries not written", model=model, reason=str(error))
            return
        self._said[model] = decision.reason
        self._metrics.changed(model)
        self._log.info(
            "boundaries moved",
            model=model,
            lanes=_text(decision.uppers),
            before=_text(before.uppers),
            reason=decision.reason,
            gain=round(decision.gain, 2),
        )

    async def _forget(self) -> None:
        for key, kept in list(self._followers.kept.items()):
            if kept is None:
                continue
            try:
                await self._bus.delete(topology.BOUNDARY_BUCKET, key)
            except BusError as error:
                self._log.warning("boundaries not deleted", key=key, reason=str(error))
                continue
            self._followers.kept[key] = None
            self._log.info("boundaries deleted", key=key, reason="TOKENLANE_BOUNDARY is fixed")

    def _remember(self, message: Message) -> None:
        try:
            self._followers.remember(codec.decode_usage(message.data))
        except MalformedMessageError:
            return

    def _now_s(self) -> float:
        return self._unix_ms() / 1e3


def _text(uppers: Uppers) -> str:
    return ",".join(lane.lane if lane.upper is None else f"{lane.lane}:{lane.upper}" for lane in uppers)
