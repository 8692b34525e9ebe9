"""What ``doctor`` says of a platform is what ``run`` then meets on it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import COMPONENTS, simulator

from exporter.cli import command_line
from exporter.model import Endpoint
from exporter.simulator.faults import Answer, error, html
from exporter.simulator.server import SimulatorServer

ERRORS = "digitalocean_app_api_errors"
CHECKS = {
    "apps": {"api", "token", "scope app:read"},
    "deployments": {"endpoint deployments"},
    "health": {"endpoint health"},
    "restart_count": {"endpoint restart_count", "scope monitoring:read"},
    "logs": {"log RUN", "log RUN_RESTARTED"},
    "log_content": {"log RUN", "log RUN_RESTARTED", "live by WebSocket"},
}
"""The checks that a failing endpoint of ``run`` stands behind."""

Fault = Callable[[SimulatorServer], object]


def without(*scopes: str) -> Fault:
    return lambda server: server.grant(*scopes)


def failing(endpoint: Endpoint, fault: Answer) -> Fault:
    return lambda server: server.faults.inject(endpoint, fault)


FAULTS: dict[str, Fault] = {
    "nothing": lambda server: None,
    "token": lambda server: server.rotate_token(),
    "no scope": without(),
    "no app:read": without("monitoring:read"),
    "no monitoring:read": without("app:read"),
    "health": failing(Endpoint.HEALTH, html(404)),
    "deployments": failing(Endpoint.DEPLOYMENTS, error(404)),
    "logs": failing(Endpoint.LOGS, error(404)),
    "log content": failing(Endpoint.LOG_CONTENT, error(404)),
}


def failed_checks(file: Path, token: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    capsys.readouterr()
    flags = [f"--config.file={file}", "--format=json"]
    code = command_line(["doctor", *flags], {"DIGITALOCEAN_TOKEN": token})
    checks = json.loads(capsys.readouterr().out)["checks"]
    failed = {check["name"] for check in checks if check["verdict"] == "failed"}
    assert code == int(bool(failed))
    return failed


def failing_endpoints(samples: Samples) -> set[str]:
    return {labels["endpoint"] for labels, value in samples.series(ERRORS) if value > 0}


def explained_by(endpoints: set[str]) -> set[str]:
    """The checks that fail with these endpoints."""
    return set().union(*(CHECKS[endpoint] for endpoint in endpoints))


@pytest.mark.parametrize("name", FAULTS)
def test_doctor_fails_where_run_has_errors_and_nowhere_else(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """Each endpoint that fails in `run` has a failed check, and the other way round."""
    with simulator() as (platform, server):
        platform.create_app("shop", COMPONENTS)
        platform.write("shop", "web", 0, "hello")
        token = server.token
        FAULTS[name](server)
        file = tmp_path / "doctor.yml"
        config = simulated(server.api_url)
        file.write_text(yaml.safe_dump(config))
        failed = failed_checks(file, token, capsys)
        with ExporterProcess(tmp_path, config, token=token) as exporter:
            exporter.wait_until(
                lambda samples: (
                    samples.total("digitalocean_app_api_requests_total") >= 8
                    or failing_endpoints(samples) == {"apps"}
                )
            )
            met = exporter.wait_until(
                lambda samples: (
                    bool(failing_endpoints(samples)) == (name != "nothing")
                    and failed <= explained_by(failing_endpoints(samples))
                )
            )
    for endpoint in failing_endpoints(met):
        assert failed & CHECKS[endpoint], endpoint
    assert bool(failed) == (name != "nothing")
