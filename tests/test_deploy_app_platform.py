"""The app spec: its configuration is good, and it fits the image and what state allows."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import command_line

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


def test_configuration_in_the_spec_is_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`check` takes both files that the command writes, with what the platform fills in."""
    config, web = tmp_path / "config.yml", tmp_path / "web.yml"
    config.write_text(variable("EXPORTER_CONFIG").replace("${state.DATABASE_URL}", DATABASE_URL))
    web.write_text(variable("WEB_CONFIG").replace("$2y$10$REPLACE", HASH))
    flags = [f"--config.file={config}", f"--web.config.file={web}"]
    environ = {"DIGITALOCEAN_TOKEN": variable("DIGITALOCEAN_TOKEN")}
    assert command_line(["check", *flags], environ) == 0, capsys.readouterr().err


def test_placeholders_are_refused_until_they_are_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """A hash that was left as it is does not let anybody in, nor everybody: the start fails."""
    web = tmp_path / "web.yml"
    web.write_text(variable("WEB_CONFIG"))
    environ = {"DIGITALOCEAN_TOKEN": "dop_v1_test"}
    assert command_line(["check", f"--web.config.file={web}"], environ) == 1
    assert "basic_auth_users" in capsys.readouterr().err


def test_command_writes_what_it_reads():
    """Both variables go into the files that the program is started with, for it alone to read."""
    command = service()["run_command"]
    written = re.findall(r'printf "%s" "\$(\w+)" > (\S+)', command)
    assert written == [("EXPORTER_CONFIG", "/tmp/config.yml"), ("WEB_CONFIG", "/tmp/web.yml")]
    assert "--config.file=/tmp/config.yml --web.config.file=/tmp/web.yml" in command
    assert command.startswith("sh -c 'umask 077")
    assert "exec do-app-exporter run" in command


def test_one_instance_on_the_port_of_the_image():
    """Two would count every line twice; the port and the health check are the program's own."""
    assert service()["instance_count"] == 1
    assert f"EXPOSE {service()['http_port']}" in (ROOT / "Dockerfile").read_text()
    assert service()["health_check"] == {"http_path": "/-/healthy"}


def test_secrets_are_marked_as_such():
    """The token and the password hash are encrypted by the platform."""
    secret = {env["key"] for env in service()["envs"] if env.get("type") == "SECRET"}
    assert secret == {"DIGITALOCEAN_TOKEN", "WEB_CONFIG"}


def test_state_is_the_database_that_the_spec_brings():
    """The bindable variable names the database of the spec."""
    (database,) = spec()["databases"]
    assert f"${{{database['name']}.DATABASE_URL}}" in variable("EXPORTER_CONFIG")
    assert database["engine"] == "VALKEY"
