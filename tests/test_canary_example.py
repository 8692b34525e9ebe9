"""The canary's app spec and configuration: what they run exists, and is good."""

import shlex
from pathlib import Path

import pytest
import yaml

from exporter.cli import command_line, parse
from exporter.commands.canary import lines_until_death

FOLDER = Path(__file__).parent.parent / "examples" / "canary"


def test_the_worker_runs_the_canary_of_this_project():
    """One worker without a port or a secret, whose command the program takes."""
    spec = yaml.safe_load((FOLDER / "app.yml").read_text(encoding="utf-8"))
    (worker,) = spec["workers"]
    assert not spec.keys() & {"services", "databases", "envs"}
    program, *arguments = shlex.split(worker["run_command"])
    options = parse(arguments, {})
    assert (program, options.command) == ("do-app-exporter", "canary")
    assert options.crash_every is not None
    assert lines_until_death(options.crash_every, float(options.rate or 0)) == 600
    assert worker["dockerfile_path"] == "Dockerfile"


def test_the_exporters_configuration_uses_the_pack(capsys: pytest.CaptureFixture[str]):
    """`check` takes the example beside the spec."""
    flags = [f"--config.file={FOLDER / 'exporter.yml'}"]
    assert command_line(["check", *flags], {"DIGITALOCEAN_TOKEN": "dop_v1_test"}) == 0
    assert "good" in capsys.readouterr().out
