"""The chart takes the values that `tokenlane plan` writes, and gives each lane what was planned."""

import pytest
import yaml

from tests.helm.chart import Helm, pods, select, settings
from tests.unit.cli.plan.made import ANSWER, OPTIONS
from tokenlane_cli.plan.helm_values import choose, helm_values
from tokenlane_worker.settings import WorkerSettings

KEYS = [option.key for option in OPTIONS]


@pytest.mark.parametrize("key", KEYS)
def test_the_chart_takes_the_values_of_every_option(one_helm: Helm, key: str) -> None:
    option = choose(ANSWER, key)
    manifests = one_helm.render(yaml.safe_load(helm_values(ANSWER, option)))
    workers = {name: each for name, each in select(manifests, "Deployment").items() if name.startswith("worker-")}
    assert sorted(each["spec"]["replicas"] for each in workers.values()) == sorted(p.replicas for p in option.pools)
    lanes = settings(manifests)["classifier"]["TOKENLANE_LANES"].split(",")
    assert [int(lane.partition(":")[2] or 0) for lane in lanes] == [pool.up_to_tokens or 0 for pool in option.pools]
    for name, pool in zip((lane.partition(":")[0] for lane in lanes), option.pools, strict=True):
        environment = settings(manifests)[f"worker-{name}"]
        assert str(pool.max_num_seqs) in environment["TOKENLANE_ENGINE_ARGS"]
        (container,) = pods(manifests)[f"worker-{name}"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == ANSWER.report.tensor_parallel


def test_both_helms_make_one_lane_of_one_pool(helm: Helm) -> None:
    manifests = helm.render(yaml.safe_load(helm_values(ANSWER, choose(ANSWER, "one"))))
    assert settings(manifests)["classifier"]["TOKENLANE_LANES"] == "short"
    assert "worker-long" not in pods(manifests)


def test_the_worker_takes_its_arguments(one_helm: Helm, monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = one_helm.render(yaml.safe_load(helm_values(ANSWER, choose(ANSWER, "two"))))
    for name, value in settings(manifests)["worker-short"].items():
        monkeypatch.setenv(name, value)
    assert WorkerSettings().engine_args.count("--max-model-len") == 1
