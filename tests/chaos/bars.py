"""The sizes of the bars, in one place for the suite and for `make chaos`."""

from dataclasses import replace

from tests.chaos.storm import Storm
from tests.support.fleet import FleetConfig

ONE_BROKER = Storm(title="one broker")
CLUSTER = Storm(
    title="three brokers",
    requests=4_000,
    calm=300,
    rate=40,
    kill_every_s=3,
    at_least_kills=20,
    fleet=FleetConfig(brokers=3),
)
# For `make chaos`, which has more time than the suite.
WHOLE_CLUSTER = replace(CLUSTER, requests=10_000, at_least_kills=30)
