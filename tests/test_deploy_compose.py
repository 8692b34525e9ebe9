"""The Compose project: valid by the specification, wired to files and names that exist."""

import subprocess
from pathlib import Path
from typing import Any

import yaml
from compose_spec import ComposeSpecification
from deployed_configuration import is_good
from programs import requires

COMPOSE = Path(__file__).parent.parent / "deploy" / "compose"


def project() -> dict[str, Any]:
    return yaml.safe_load((COMPOSE / "compose.yml").read_text(encoding="utf-8"))


def document(name: str) -> dict[str, Any]:
    return yaml.safe_load((COMPOSE / name).read_text(encoding="utf-8"))


def test_project_is_valid_and_has_no_key_that_compose_ignores():
    """The file validates, and nothing of a service is lost on the way through the models."""
    given = project()
    parsed = ComposeSpecification.model_validate(given)
    dumped = parsed.model_dump(by_alias=True, exclude_unset=True, mode="json")
    for name, service in given["services"].items():
        assert set(service) == set(dumped["services"][name]), name


def test_every_file_that_is_mounted_exists():
    """Configurations and bind mounts name files that are here; only the token is the user's."""
    given = project()
    files = [config["file"] for config in given["configs"].values()]
    binds = [
        volume.split(":")[0]
        for service in given["services"].values()
        for volume in service.get("volumes", ())
        if volume.startswith(".")
    ]
    assert len(files) == 6
    assert binds == ["../../dashboards"]
    assert [name for name in (*files, *binds) if not (COMPOSE / name).exists()] == []
    assert given["secrets"] == {"do_token": {"file": "${DO_TOKEN_FILE:-./token}"}}


def test_demo_needs_no_token_and_stands_in_for_the_exporter():
    """Started by name it asks for no secret, and Prometheus finds it as it finds the exporter."""
    services = project()["services"]
    assert services["demo"]["profiles"] == ["demo"]
    assert "secrets" not in services["demo"]
    assert services["demo"]["networks"]["default"]["aliases"] == ["exporter"]
    (scrape,) = document("prometheus.yml")["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["exporter:10046"]}]


def started_by(*named: str) -> set[str]:
    """The services that `docker compose up` starts: what is named, and what that depends on.

    With no name those without a profile.
    """
    services = project()["services"]
    waiting = list(named) or [name for name, each in services.items() if "profiles" not in each]
    started: set[str] = set()
    while waiting:
        name = waiting.pop()
        started.add(name)
        waiting += set(services[name].get("depends_on", ())) - started
    return started


def test_up_starts_the_exporter_or_the_demo():
    """Both are called `exporter` on the network and publish one port: never both of them."""
    monitoring = {"prometheus", "alertmanager", "grafana"}
    assert started_by() == {"exporter", *monitoring}
    assert started_by("demo", "grafana") == {"demo", *monitoring}


def test_nothing_is_published_beyond_loopback():
    """Pages without a password stay on the machine."""
    ports = [port for service in project()["services"].values() for port in service["ports"]]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_exporter_runs_without_rights():
    """No capability, no new privilege, and a root file system that cannot be written to."""
    for name in ("exporter", "demo"):
        service = project()["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_configuration_of_the_exporter_is_good(tmp_path: Path):
    """`check` takes the configuration, with the token where this machine has one."""
    config = document("exporter.yml")
    assert config["digitalocean"]["token_file"] == "/run/secrets/do_token"
    assert is_good(config, tmp_path)


@requires("promtool")
def test_prometheus_takes_its_configuration(tmp_path: Path):
    """promtool finds nothing wrong with it, the rules among it."""
    rules = tmp_path / "rules"
    rules.mkdir()
    alerts = (COMPOSE / project()["configs"]["alerts"]["file"]).read_text(encoding="utf-8")
    (rules / "alerts.yml").write_text(alerts)
    (tmp_path / "prometheus.yml").write_text((COMPOSE / "prometheus.yml").read_text())
    checked = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "SUCCESS: 1 rule files found" in checked.stdout


def test_grafana_reads_the_dashboards_that_are_mounted():
    """The provider's path is where the dashboards are mounted, and the home page is one of them."""
    grafana = project()["services"]["grafana"]
    (provider,) = document("grafana/dashboards.yml")["providers"]
    (mount,) = [volume for volume in grafana["volumes"] if volume.startswith(".")]
    source, target, _ = mount.split(":")
    assert provider["options"]["path"] == target
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (COMPOSE / source / Path(home).relative_to(target)).exists()
    (datasource,) = document("grafana/datasource.yml")["datasources"]
    assert datasource["url"] == "http://prometheus:9090"


class Loader(yaml.SafeLoader):
    """Reads the tags with which Compose lays one file over another."""


Loader.add_constructor("!reset", lambda loader, node: None)


def test_replicas_share_a_database_that_does_not_evict(tmp_path: Path):
    """The files laid over name services, files and volumes that exist; `check` takes the result."""
    over = yaml.load((COMPOSE / "replicas.yml").read_text(encoding="utf-8"), Loader)
    assert set(over["services"]) - set(project()["services"]) == {"valkey"}
    assert over["services"]["exporter"]["depends_on"] == ["valkey"]
    assert "noeviction" in over["services"]["valkey"]["command"]
    assert over["configs"].keys() <= project()["configs"].keys()
    assert all((COMPOSE / config["file"]).exists() for config in over["configs"].values())
    url = over["services"]["exporter"]["environment"]["DO_APP_EXPORTER_STATE_URL"]
    assert is_good({**document("exporter-replicas.yml"), "state": {"url": url}}, tmp_path)


def test_prometheus_finds_each_replica_with_the_documented_relabelling():
    """By DNS, since the containers have no fixed names."""
    (job,) = document("prometheus-replicas.yml")["scrape_configs"]
    [found] = job["dns_sd_configs"]
    assert (found["names"], found["type"], found["port"]) == (["exporter"], "A", 10046)
    text = (COMPOSE.parent.parent / "docs" / "high-availability.md").read_text(encoding="utf-8")
    [block] = [part for part in text.split("```yaml\n")[1:] if "metric_relabel" in part]
    [documented] = yaml.safe_load(block.partition("```")[0])["scrape_configs"]
    assert job["metric_relabel_configs"] == documented["metric_relabel_configs"]
