"""The compose file: that its parts fit together, and that OMEN serves with its settings.

A real Redis and a real PostgreSQL take the places of the containers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.commands import BOUND, environment, omen, read_until, served_at
from tests.deploy.files import DEPLOY, documents, load, read
from tests.servers import running_postgres, running_redis

FOLDER = DEPLOY / "compose"
(COMPOSE,) = documents("compose/compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SECRETS = {
    "OMEN_ADMIN_KEY": "a-long-random-text",
    "POSTGRES_PASSWORD": "p4ssw0rd",
    "GRAFANA_PASSWORD": "gr4f4n4",
}


def interpolated(text: str) -> str:
    """Return a value with the variables that compose takes from .env; unset ones are empty."""
    return re.sub(r"\$\{(\w+)(?::[?-][^}]*)?\}", lambda name: SECRETS.get(name[1], ""), text)


def variables_of(service: str) -> dict[str, str]:
    pairs = SERVICES[service]["environment"].items()
    return {name: interpolated(str(value)) for name, value in pairs}


def mounts() -> list[tuple[str, str, str]]:
    """Return (service, source, target) of every volume."""
    return [
        (name, *volume.split(":")[:2])
        for name, service in SERVICES.items()
        for volume in service.get("volumes", ())
    ]


def test_every_image_has_a_registry_and_a_tag_but_our_own() -> None:
    images = {name: service["image"] for name, service in SERVICES.items()}
    assert images.pop("omen") == "omen-gateway"
    assert [image for image in images.values() if not re.fullmatch(r".+\..+/.+:.+", image)] == []
    build = SERVICES["omen"]["build"]
    assert (FOLDER / build["context"] / build["dockerfile"]).is_file()
    assert (FOLDER / build["context"] / "pyproject.toml").is_file()


def test_every_file_volume_secret_and_dependency_exists() -> None:
    sources = {source for _, source, _ in mounts()}
    files = {source for source in sources if source.startswith(".")}
    assert [source for source in files if not (FOLDER / source).is_file()] == []
    assert sources - files == set(COMPOSE["volumes"])
    wanted = {name for service in SERVICES.values() for name in service.get("secrets", ())}
    assert wanted == set(COMPOSE["secrets"])
    for service in SERVICES.values():
        for name in service.get("depends_on", ()):
            assert name in SERVICES
    waited_for = SERVICES["omen"]["depends_on"]
    assert all("healthcheck" in SERVICES[name] for name in waited_for)


def test_every_variable_that_it_needs_is_in_the_example_and_a_missing_secret_stops_it() -> None:
    text = read("compose/compose.yaml")
    example = set(re.findall(r"^(\w+)=$", read("compose/env.example"), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", text)) == example
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(SECRETS)


def test_nothing_is_reachable_from_another_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_gateway_is_confined_and_closed_and_has_time_to_drain(tmp_path: Path) -> None:
    service = SERVICES["omen"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    confined = {tuple(service["security_opt"]) for service in SERVICES.values()}
    assert confined == {("no-new-privileges:true",)}
    settings = load(tmp_path, variables_of("omen"), read("compose/omen.toml")).settings
    assert settings.auth.admin_key == SECRETS["OMEN_ADMIN_KEY"]
    assert settings.ledger.url == "postgresql://omen:p4ssw0rd@postgres:5432/omen"
    assert settings.cache.redis_url == "redis://redis:6379/0"
    drain = settings.server.drain_seconds + settings.server.drain_delay_seconds
    assert int(service["stop_grace_period"].removesuffix("s")) > drain


def test_omen_serves_with_its_settings_for_a_prometheus_with_the_key(tmp_path: Path) -> None:
    shutil.copy(FOLDER / "omen.toml", tmp_path)
    with running_redis() as redis, running_postgres() as postgres:
        places = {"OMEN_DB_URL": postgres.url, "OMEN_REDIS_URL": redis.url}
        process = subprocess.Popen(
            omen("serve", "--port", "0"),
            cwd=tmp_path,
            env=environment(**{**variables_of("omen"), **places}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            url = served_at(read_until(process, "serving on"))
            assert _status(url, SECRETS["OMEN_ADMIN_KEY"]) == 200
            assert _status(url, "not-the-key-of-the-file") == 401
        finally:
            process.kill()
            process.communicate(timeout=BOUND)


def test_prometheus_scrapes_the_gateway_with_the_secret_and_reads_the_rules(tmp_path: Path) -> None:
    configuration = yaml.safe_load(read("compose/prometheus.yml"))
    (scraped,) = configuration["scrape_configs"]
    assert scraped["static_configs"] == [{"targets": ["omen:8080"]}]
    (secret,) = SERVICES["prometheus"]["secrets"]
    assert scraped["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    assert COMPOSE["secrets"][secret] == {"environment": "OMEN_ADMIN_KEY"}
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    (tmp_path / "key").write_text("a-long-random-text")
    text = read("compose/prometheus.yml").replace(f"/run/secrets/{secret}", str(tmp_path / "key"))
    (tmp_path / "prometheus.yml").write_text(text)
    shutil.copy(DEPLOY / "prometheus/omen-rules.yml", tmp_path)
    command = [promtool, "check", "config", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_gets_the_dashboard_and_a_source_for_it() -> None:
    targets = {target: source for service, source, target in mounts() if service == "grafana"}
    (provider,) = yaml.safe_load(read("compose/grafana/dashboards.yaml"))["providers"]
    assert targets[f"{provider['options']['path']}/omen.json"] == "../grafana/omen.json"
    (source,) = yaml.safe_load(read("compose/grafana/datasource.yaml"))["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    name, _, port = source["url"].removeprefix("http://").partition(":")
    assert name in SERVICES
    assert any(published.endswith(f":{port}") for published in SERVICES[name]["ports"])
    provisioned = [target for target in targets if "/provisioning/" in target]
    assert {Path(target).parent.name for target in provisioned} == {"datasources", "dashboards"}


def _status(url: str, key: str) -> int:
    request = urllib.request.Request(f"{url}/metrics", headers={"authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=BOUND) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
