"""What every pod of the chart keeps to, under every values file."""

from pathlib import Path

import pytest

from tests.helm.chart import CI_VALUES, PRODUCTION, Helm, Manifest, pods, select

SERVICES = {"ingress", "classifier", "autoscaler", "worker-short", "worker-long"}


@pytest.fixture(params=CI_VALUES, ids=lambda file: file.stem)
def manifests(request: pytest.FixtureRequest, one_helm: Helm) -> list[Manifest]:
    return one_helm.render(file=Path(request.param))


def containers(manifests: list[Manifest]) -> list[Manifest]:
    return [container for pod in pods(manifests).values() for container in pod["containers"]]


def test_a_deployment_for_each_service(one_helm: Helm) -> None:
    assert set(select(one_helm.render(), "Deployment")) == SERVICES
    assert set(select(one_helm.render(), "StatefulSet")) == {"nats"}
    assert not select(one_helm.render(file=PRODUCTION), "StatefulSet")


def test_no_pod_has_more_rights_than_it_needs(manifests: list[Manifest]) -> None:
    for pod in pods(manifests).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
    for container in containers(manifests):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
    assert all(each["automountServiceAccountToken"] is False for each in select(manifests, "ServiceAccount").values())
    assert not any(each["kind"] in ("Role", "ClusterRole", "RoleBinding") for each in manifests)


def test_each_service_has_an_account_of_its_own(one_helm: Helm) -> None:
    manifests = one_helm.render()
    accounts = [pod.get("serviceAccountName") for name, pod in pods(manifests).items() if name != "test"]
    assert len(set(accounts)) == len(accounts)
    assert set(accounts) == {each["metadata"]["name"] for each in select(manifests, "ServiceAccount").values()}


def test_probes_differ_in_meaning(manifests: list[Manifest]) -> None:
    for deployment in select(manifests, "Deployment").values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["startupProbe"]["httpGet"]["path"] == "/readyz"
        (port,) = container["ports"]
        assert all(container[f"{when}Probe"]["httpGet"]["port"] == port["name"] for when in ("startup", "liveness"))


def test_an_engine_has_time_to_load_its_model(one_helm: Helm) -> None:
    (container,) = pods(one_helm.render({"worker": {"startupTimeoutSeconds": 1800}}))["worker-long"]["containers"]
    assert container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"] >= 1800


def test_resources_are_requested_and_memory_bounded(manifests: list[Manifest]) -> None:
    for container in containers(manifests):
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_pods_may_drain_before_they_are_killed(one_helm: Helm) -> None:
    values = {"ingress": {"drainGraceSeconds": 100, "preStopSeconds": 7}, "lanes": {"long": {"drainGraceSeconds": 900}}}
    rendered = pods(one_helm.render(values))
    assert rendered["ingress"]["terminationGracePeriodSeconds"] > 107
    assert rendered["worker-long"]["terminationGracePeriodSeconds"] > 900


def test_selectors_hold_over_upgrades(one_helm: Helm) -> None:
    """A selector cannot be changed, so nothing that changes may be in it."""
    before = select(one_helm.render(), "Deployment")
    after = select(one_helm.render({"commonLabels": {"team": "x"}, "image": {"tag": "9"}}), "Deployment")
    for name, deployment in before.items():
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert selector == after[name]["spec"]["selector"]["matchLabels"]
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
        assert set(selector) == {f"app.kubernetes.io/{key}" for key in ("name", "instance", "component")}


def test_disruption_budgets_never_block_a_drain(manifests: list[Manifest]) -> None:
    deployments = select(manifests, "Deployment")
    for name, budget in select(manifests, "PodDisruptionBudget").items():
        assert "maxUnavailable" in budget["spec"]
        assert budget["spec"]["selector"] == deployments[name]["spec"]["selector"]


def test_the_service_reaches_the_ingress_alone(manifests: list[Manifest]) -> None:
    service, deployments = select(manifests, "Service")["ingress"], select(manifests, "Deployment")
    chosen = [
        name
        for name, each in deployments.items()
        if service["spec"]["selector"].items() <= each["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert chosen == ["ingress"]
    (container,) = deployments["ingress"]["spec"]["template"]["spec"]["containers"]
    assert service["spec"]["ports"][0]["targetPort"] in {port["name"] for port in container["ports"]}
