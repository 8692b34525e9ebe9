"""The app spec: its configuration is good, and it fits the image and what state allows."""

from pathlib import Path
from typing import Any

import pytest
import yaml

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
