"""Start, classify until told to stop, drain."""

from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.service import Context
from tokenlane_classifier.classifier import Classifier
from tokenlane_classifier.controls import Controls
from tokenlane_classifier.decision import Policy
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.ledger import Ledger
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_classifier.settling import Settling
from tokenlane_classifier.tenants import Tenants
from tokenlane_proto import topology


async def serve(context: Context[ClassifierSettings]) -> None:
    """Run until `context.stopping`."""
    settings, bus = context.settings, context.bus
    metrics = Metrics(context.registry)
    ledger = Ledger()
    knowledge = Knowledge(settings.lanes, settings.ratio_beta, metrics, context.log, ledger.forget)
    tenants = Tenants(context.log)
    controls = Controls(bus, ledger, metrics, context.log)
    policy = Policy(settings.default_output_tokens, settings.ratio_gamma)
    classifier = Classifier(context, knowledge, tenants, ledger, controls, policy, metrics, unix_ms)
    settling = Settling(classifier.handle, classifier.give_up, settings.max_in_flight, metrics, context.log)
    # What is known comes first: a request for a model that is not known yet would be refused.
    listening = (
        await bus.watch(topology.LANE_BUCKET, knowledge.lane_changed),
        await bus.watch(topology.TENANT_BUCKET, tenants.changed),
        await bus.subscribe(topology.ALL_USAGE, knowledge.used),
        await bus.subscribe(topology.ALL_CANCELS, controls.cancel),
        await bus.subscribe(topology.ALL_STATUS, controls.status),
    )
    puller = await bus.pull(topology.CLASSIFIER_CONSUMER, settling.receive, settling.room)
    settling.fed_by(puller)
    context.readiness.ready = True
    await context.stopping.wait()
    context.readiness.ready = False
    await puller.stop()
    await settling.drain(settings.drain_grace_s)
    await controls.drain(settings.drain_grace_s)
    for subscription in listening:
        await subscription.unsubscribe()
