"""Start, classify until told to stop, drain."""

import asyncio
import random
import time
import uuid

from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.service import Context
from tokenlane_chassis.tasks import end
from tokenlane_classifier.classifier import Classifier
from tokenlane_classifier.controls import Controls
from tokenlane_classifier.dispatch.asking import Asking
from tokenlane_classifier.dispatch.candidates import limits_of
from tokenlane_classifier.dispatch.dispatcher import Dispatcher
from tokenlane_classifier.dispatch.leading import Leading
from tokenlane_classifier.dispatch.metrics import LineMetrics
from tokenlane_classifier.estimate.estimates import Estimates
from tokenlane_classifier.estimate.output import OutputEstimates
from tokenlane_classifier.estimate.prompt import PromptEstimates
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.ledger import Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.settings import ClassifierSettings, output_settings, prompt_settings
from tokenlane_classifier.settling import Settling
from tokenlane_classifier.snapshots import Snapshots
from tokenlane_classifier.tenants import Tenants
from tokenlane_classifier.warming import Warming
from tokenlane_proto import topology


async def serve(context: Context[ClassifierSettings]) -> None:
    """Run until `context.stopping`."""
    settings, bus, log = context.settings, context.bus, context.log
    metrics = Metrics(context.registry)
    ledger = Ledger()
    estimates = estimates_of(settings)
    knowledge = Knowledge(settings.lanes, estimates, ledger, metrics, log, unix_ms)
    snapshots = Snapshots(
        bus,
        estimates.shards(),
        lambda: knowledge.learned_events,
        uuid.uuid4().hex,
        settings.estimates_interval_s,
        unix_ms,
        metrics,
        log,
    )
    warming = Warming(bus, snapshots, knowledge.missed, unix_ms, log)
    tenants = Tenants(log)
    controls = Controls(bus, ledger, metrics, log)
    asking = Asking(bus, log)
    dispatcher = Dispatcher(
        bus,
        lambda tenant: limits_of(tenants.policy(tenant)),
        settings.prefill_tokens_per_s,
        lambda: knowledge.models,
        time.time,
        random.random,
        LineMetrics(context.registry),
        log,
    )
    leading = Leading(bus, uuid.uuid4().hex, dispatcher.lead, log)
    tenants.on_change = dispatcher.tenant_changed
    classifier = Classifier(
        context, knowledge, tenants, ledger, controls, metrics, asking, settings.patience(), unix_ms
    )
    settling = Settling(classifier.handle, classifier.give_up, settings.max_in_flight, metrics, log)
    # What is known comes first: a request for a model that is not known yet would be refused.
    listening = (
        await bus.watch(topology.LANE_BUCKET, knowledge.lane_changed),
        await bus.watch(topology.BOUNDARY_BUCKET, knowledge.boundaries_changed),
        await bus.watch(topology.TENANT_BUCKET, tenants.changed),
        await bus.subscribe(topology.ALL_USAGE, knowledge.used),
        await bus.subscribe(topology.ALL_CANCELS, controls.cancel),
        await bus.subscribe(topology.ALL_STATUS, controls.status),
    )
    await warming.start()
    sharing = asyncio.create_task(snapshots.keep(), name="sharing")
    ruling = asyncio.create_task(leading.keep(), name="leading")
    puller = await bus.pull(topology.CLASSIFIER_CONSUMER, settling.receive, settling.room)
    settling.fed_by(puller)
    context.readiness.ready = True
    await context.stopping.wait()
    context.readiness.ready = False
    await puller.stop()
    await settling.drain(settings.drain_grace_s)
    await controls.drain(settings.drain_grace_s)
    await end(sharing)
    await end(ruling)
    await warming.stop()
    for subscription in listening:
        await subscription.unsubscribe()


def estimates_of(settings: ClassifierSettings) -> Estimates:
    """Estimates that know nothing yet."""
    return Estimates(PromptEstimates(prompt_settings(settings)), OutputEstimates(output_settings(settings)))
