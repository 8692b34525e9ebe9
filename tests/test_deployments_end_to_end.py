"""The installed command over deployments: their logs, their steps, and why one failed."""

from pathlib import Path

from exporter_process import ExporterProcess, simulated
from simulated_traffic import simulator

from exporter.model import LogType
from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
MATCHES = "digitalocean_app_log_matches_total"
DEPLOYMENTS = "digitalocean_app_deployments_total"
FAILURES = "digitalocean_app_deployment_failures_total"
DURATION = "digitalocean_app_deployment_duration_seconds"
IDENTITY = {"app": "shop", "component": "web"}


def test_logs_steps_and_failures_of_deployments_are_counted_once(tmp_path: Path):
    """One deployment that fails in its build and one that gets through, each read once."""
    logs = {"types": ["RUN", "BUILD", "DEPLOY"], "interval": "1s"}
    rules = {"packs": [], "rules": [{"name": "build_failed", "regex": "failed to build"}]}
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, logs=logs, patterns=rules, discovery={"interval": "1s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            samples = exporter.wait_until_ready()
            assert samples.value(LINES, **IDENTITY, log_type="BUILD") == 0
            platform.begin_deployment("shop")
            platform.advance_deployment("shop")
            for text in ("step one", "ERROR: failed to build image"):
                platform.write_deployment_log("shop", "web", LogType.BUILD, text)
            platform.end_deployment("shop", "ERROR")
            samples = exporter.wait_until(
                lambda samples: (
                    samples.value(LINES, **IDENTITY, log_type="BUILD") == 2
                    and samples.total(DEPLOYMENTS, app="shop", phase="ERROR") == 1
                )
            )
            labels = {"app": "shop", "step": "build", "reason": "BuildJobFailed"}
            assert samples.value(FAILURES, **labels) == 1
            failed = {"log_type": "BUILD", "pattern": "build_failed", "level": "error"}
            assert samples.value(MATCHES, **IDENTITY, **failed) == 1

            platform.begin_deployment("shop")
            platform.advance_deployment("shop")
            platform.write_deployment_log("shop", "web", LogType.BUILD, "built")
            for _ in range(2):
                platform.advance_deployment("shop")
            platform.write_deployment_log("shop", "web", LogType.DEPLOY, "started")
            platform.advance_deployment("shop")
            samples = exporter.wait_until(
                lambda samples: (
                    samples.value(LINES, **IDENTITY, log_type="DEPLOY") == 1
                    and samples.value(LINES, **IDENTITY, log_type="BUILD") == 3
                    and samples.total(DEPLOYMENTS, app="shop", phase="ACTIVE") == 1
                )
            )
            assert samples.value(DURATION, app="shop", step="build") >= 0
            assert samples.value(DURATION, app="shop", step="deploy") >= 0
            assert samples.value(MATCHES, **IDENTITY, **failed) == 1
            assert exporter.terminate() == 0
