"""The app specs: their configuration is good, and they fit the image and what state allows."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from programs import requires
from replica_group import documented_relabelling

from exporter.cli import command_line
from exporter.config.flags import CONFIG_VARIABLE, STATE_URL_VARIABLE, WEB_CONFIG_VARIABLE
from exporter.options import Options
from exporter.service.configuration import configuration_of

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "deploy" / "app-platform" / "app.yml"

DATABASE_URL = "rediss://default:secret@db.example.com:25061"
HASH = "$2b$04$mfq.AWuDcP9uVnvTdgSFEepiPmwgg8HJ/XB3SUpz25iZtX7PNHfoa"


def spec() -> dict[str, Any]:
    return yaml.safe_load(SPEC.read_text(encoding="utf-8"))


def service() -> dict[str, Any]:
    (found,) = spec()["services"]
    return found


def variable(name: str) -> str:
    (value,) = [env["value"] for env in service()["envs"] if env["key"] == name]
    return value


def environment() -> dict[str, str]:
    """What the program sees, with what the platform fills in."""
    given = {env["key"]: env["value"] for env in service()["envs"]}
    given[STATE_URL_VARIABLE] = given[STATE_URL_VARIABLE].replace(
        "${state.DATABASE_URL}", DATABASE_URL
    )
    return given


def test_configuration_in_the_spec_is_good(capsys: pytest.CaptureFixture[str]):
    """`check` takes what the variables hold, once the password's hash is one."""
    environ = environment()
    environ[WEB_CONFIG_VARIABLE] = environ[WEB_CONFIG_VARIABLE].replace("$2y$10$REPLACE", HASH)
    assert command_line(["check"], environ) == 0, capsys.readouterr().err
    config = configuration_of(Options(environ=environ))
    assert config.state.redis_url == DATABASE_URL
    assert config.discovery.exclude == ("do-app-exporter",)


def test_placeholders_are_refused_until_they_are_replaced(capsys: pytest.CaptureFixture[str]):
    """A hash that was left as it is does not let anybody in, nor everybody: the start fails."""
    assert command_line(["check"], environment()) == 1
    assert "basic_auth_users" in capsys.readouterr().err


def test_the_image_runs_without_a_shell():
    """Its own command is the exporter, and every variable is one that the exporter reads."""
    assert "run_command" not in service()
    assert 'ENTRYPOINT ["do-app-exporter"]' in (ROOT / "Dockerfile").read_text()
    assert set(environment()) == {
        "DIGITALOCEAN_TOKEN",
        CONFIG_VARIABLE,
        STATE_URL_VARIABLE,
        WEB_CONFIG_VARIABLE,
    }


def test_one_instance_on_the_port_of_the_image():
    """Two would count every line twice; the port and the health check are the program's own."""
    assert service()["instance_count"] == 1
    assert f"EXPOSE {service()['http_port']}" in (ROOT / "Dockerfile").read_text()
    assert service()["health_check"] == {"http_path": "/-/healthy"}


def test_secrets_are_marked_as_such():
    """The token and the password hash are encrypted by the platform."""
    secret = {env["key"] for env in service()["envs"] if env.get("type") == "SECRET"}
    assert secret == {"DIGITALOCEAN_TOKEN", WEB_CONFIG_VARIABLE}


def test_state_is_the_database_that_the_spec_brings():
    """The bindable variable names the database of the spec."""
    (database,) = spec()["databases"]
    assert f"${{{database['name']}.DATABASE_URL}}" == variable(STATE_URL_VARIABLE)
    assert database["engine"] == "VALKEY"


REPLICAS = SPEC.parent / "replicas.yml"
SCRAPES = SPEC.parent / "prometheus-replicas.yml"


def replicas_spec() -> dict[str, Any]:
    return yaml.safe_load(REPLICAS.read_text(encoding="utf-8"))


def test_replicas_have_one_good_configuration(capsys: pytest.CaptureFixture[str]):
    """It stands in the variables of the app, so no service can differ; shares do for each."""
    spec = replicas_spec()
    environ = {env["key"]: env["value"] for env in spec["envs"]}
    assert environ.keys() == environment().keys()
    assert not any("envs" in service for service in spec["services"])
    environ[STATE_URL_VARIABLE] = DATABASE_URL
    environ[WEB_CONFIG_VARIABLE] = environ[WEB_CONFIG_VARIABLE].replace("$2y$10$REPLACE", HASH)
    assert command_line(["check"], environ) == 0, capsys.readouterr().err
    config = configuration_of(Options(environ=environ))
    assert config.replicas.enabled
    assert config.replicas.shares >= len(spec["services"])
    assert config.discovery.exclude == (spec["name"],)


def test_each_replica_is_a_service_like_the_one_of_the_other_spec():
    """One instance each, with the port, the health check and the image of a single exporter."""
    services = replicas_spec()["services"]
    names = [service.pop("name") for service in services]
    assert names == ["exporter-0", "exporter-1", "exporter-2"]
    alone = {key: value for key, value in service().items() if key not in ("name", "envs")}
    assert services == [alone] * 3
    assert replicas_spec()["databases"] == spec()["databases"]


@pytest.mark.parametrize("relabel", ["__metrics_path__", "instance"])
def test_prometheus_reaches_each_replica_by_its_route(relabel: str):
    """Every service has a route of its own, and the scrape of that path its name as instance."""
    routes = {
        rule["component"]["name"]: rule["match"]["path"]["prefix"]
        for rule in replicas_spec()["ingress"]["rules"]
    }
    assert routes == {each["name"]: f"/{each['name']}" for each in replicas_spec()["services"]}
    [job] = yaml.safe_load(SCRAPES.read_text(encoding="utf-8"))["scrape_configs"]
    [targets] = [each["targets"] for each in job["static_configs"]]
    assert targets == list(routes)
    [step] = [each for each in job["relabel_configs"] if each["target_label"] == relabel]
    assert step["source_labels"] == ["__address__"]
    given = [step.get("replacement", "$1").replace("$1", target) for target in targets]
    wanted = {"__metrics_path__": [f"{path}/metrics" for path in routes.values()]}
    assert given == wanted.get(relabel, targets)
    assert job["relabel_configs"][-1]["target_label"] == "__address__"
    assert job["metric_relabel_configs"] == documented_relabelling()


@requires("promtool")
def test_promtool_takes_the_scrape_configuration(tmp_path: Path):
    """As it is, but for the file of the password, which has to be there."""
    password = tmp_path / "password"
    password.write_text("secret")
    text = SCRAPES.read_text(encoding="utf-8")
    file = tmp_path / "prometheus.yml"
    file.write_text(text.replace("/etc/prometheus/do-app-exporter-password", str(password)))
    command = ["promtool", "check", "config", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
