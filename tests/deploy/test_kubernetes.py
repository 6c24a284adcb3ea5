"""The manifests: that they fit together, fit OMEN's settings, and are as strict as they can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omen.front.operations.openapi_routes import GETS
from tests.deploy.files import documents, load, parse_command, read

FILE = "kubernetes/omen.yaml"
BY_KIND: dict[str, dict[str, Any]] = {document["kind"]: document for document in documents(FILE)}
DEPLOYMENT = BY_KIND["Deployment"]["spec"]
POD = DEPLOYMENT["template"]["spec"]
(CONTAINER,) = POD["containers"]
PROBES = {name: CONTAINER[f"{name}Probe"] for name in ("startup", "liveness", "readiness")}


def test_there_is_one_of_each_in_todays_versions() -> None:
    versions = [(document["kind"], document["apiVersion"]) for document in documents(FILE)]
    assert versions == [
        ("ConfigMap", "v1"),
        ("Deployment", "apps/v1"),
        ("Service", "v1"),
        ("PodDisruptionBudget", "policy/v1"),
    ]
    assert {document["metadata"]["name"] for document in documents(FILE)} == {"omen"}


def test_the_service_and_the_budget_select_the_pods() -> None:
    labels = DEPLOYMENT["template"]["metadata"]["labels"]
    selectors = [
        DEPLOYMENT["selector"]["matchLabels"],
        BY_KIND["Service"]["spec"]["selector"],
        BY_KIND["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
        POD["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4


def test_its_configuration_loads_and_leaves_time_to_drain(tmp_path: Path) -> None:
    variables = {
        "OMEN_ADMIN_KEY": "a-long-random-text",
        "OMEN_DB_URL": "postgresql://omen:PASSWORD@postgres.internal/omen",
        "OMEN_REDIS_URL": "redis://redis.internal:6379/0",
        "OMEN_OPENAI_API_KEY": "sk-test",
    }
    assert [name for name in variables if f"--from-literal={name}=" not in read(FILE)] == []
    toml = BY_KIND["ConfigMap"]["data"]["omen.toml"]
    server = load(tmp_path, variables, toml).settings.server
    # The pod leaves its service when two readiness probes have failed.
    ready = PROBES["readiness"]
    assert server.drain_delay_seconds > ready["periodSeconds"] * ready["failureThreshold"]
    grace = POD["terminationGracePeriodSeconds"]
    assert grace > server.drain_delay_seconds + server.drain_seconds


def test_a_service_called_omen_sets_no_variable_of_omens() -> None:
    """Kubernetes would set OMEN_PORT to tcp://ADDRESS:80, and no gateway would start."""
    assert BY_KIND["Service"]["metadata"]["name"] == "omen"
    assert POD["enableServiceLinks"] is False


def test_probes_ask_routes_that_exist_on_a_port_that_exists() -> None:
    paths = {name: probe["httpGet"]["path"] for name, probe in PROBES.items()}
    assert paths == {"startup": "/health", "liveness": "/health", "readiness": "/ready"}
    assert set(paths.values()) <= set(GETS)
    ports = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert ports == {"http": 8080}
    used = {probe["httpGet"]["port"] for probe in PROBES.values()}
    used |= {port["targetPort"] for port in BY_KIND["Service"]["spec"]["ports"]}
    assert used == {"http"}


def test_an_upgrade_takes_no_replica_away_before_another_is_ready() -> None:
    assert DEPLOYMENT["replicas"] >= 2
    assert DEPLOYMENT["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert BY_KIND["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 1


def test_the_container_is_as_confined_as_the_image_allows() -> None:
    pod, container = POD["securityContext"], CONTAINER["securityContext"]
    user = f"{pod['runAsUser']}:{pod['runAsGroup']}"
    assert f"\nUSER {user}\n" in read("container/Containerfile")
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    mounted = {mount["name"] for mount in CONTAINER["volumeMounts"]}
    assert mounted == {volume["name"] for volume in POD["volumes"]}
    assert "/data" in {mount["mountPath"] for mount in CONTAINER["volumeMounts"]}


def test_its_command_serves() -> None:
    assert parse_command(CONTAINER["args"]).run.__module__ == "omen.cli.serve"
