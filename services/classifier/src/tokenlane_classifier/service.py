"""Start, classify until told to stop, drain."""

from tokenlane_chassis.clock import unix_ms
from tokenlane_chassis.service import Context
from tokenlane_classifier.classifier import Classifier
from tokenlane_classifier.decision import Policy
from tokenlane_classifier.knowledge import Knowledge
from tokenlane_classifier.metrics import Metrics
from tokenlane_classifier.settings import ClassifierSettings
from tokenlane_classifier.settling import Settling
from tokenlane_proto import topology


async def serve(context: Context[ClassifierSettings]) -> None:
    """Run until `context.stopping`."""
    settings, bus = context.settings, context.bus
    metrics = Metrics(context.registry)
    knowledge = Knowledge(settings.lanes, settings.ratio_beta, metrics, context.log)
    policy = Policy(settings.default_output_tokens, settings.ratio_gamma)
    classifier = Classifier(context, knowledge, policy, metrics, unix_ms)
    settling = Settling(classifier.handle, classifier.give_up, settings.max_in_flight, metrics, context.log)
    # What is known comes first: a request for a model that is not known yet would be refused.
    lanes = await bus.watch(topology.LANE_BUCKET, knowledge.lane_changed)
    usage = await bus.subscribe(topology.ALL_USAGE, knowledge.used)
    puller = await bus.pull(topology.CLASSIFIER_CONSUMER, settling.receive, settling.room)
    settling.fed_by(puller)
    context.readiness.ready = True
    await context.stopping.wait()
    context.readiness.ready = False
    await puller.stop()
    await settling.drain(settings.drain_grace_s)
    await usage.unsubscribe()
    await lanes.unsubscribe()
