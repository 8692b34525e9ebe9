"""Prometheus and Alertmanager beside the demo, where they are installed."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

RULES = Path(__file__).parents[2] / "dashboards" / "alerts.yml"
"""The project's alert rules, beside the package in a checkout."""

ROUTES = RULES.with_name("alertmanager.example.yml")
"""The project's routes: which alert mutes which."""

NO_ROUTES = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
"""Alerts are shown and go nowhere, where the routes are not at hand."""

STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What is running, each as a base URL; None for what is not installed."""

    prometheus: str | None
    alertmanager: str | None
    rules: bool


@contextmanager
def monitoring(exporter: str, folder: Path) -> Iterator[Monitoring]:
    """Run what is on PATH, scraping the exporter, until the block ends.

    Args:
        exporter: ``host:port`` of the exporter.
        folder: where configuration and data may be written.
    """
    with ExitStack() as stack:
        manager = _alertmanager(stack, folder)
        prometheus = _prometheus(stack, folder, exporter, manager)
        yield Monitoring(
            f"http://{prometheus}" if prometheus else None,
            f"http://{manager}" if manager else None,
            RULES.is_file(),
        )


def prometheus_configuration(exporter: str, alertmanager: str | None) -> dict[str, object]:
    """A configuration that scrapes the exporter and evaluates the project's rules."""
    managers = [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(RULES)] if RULES.is_file() else [],
        "alerting": {"alertmanagers": managers},
        "scrape_configs": [
            {"job_name": "do-app-exporter", "static_configs": [{"targets": [exporter]}]}
        ],
    }


def _alertmanager(stack: ExitStack, folder: Path) -> str | None:
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        return None
    configuration = folder / "alertmanager.yml"
    configuration.write_text(ROUTES.read_text() if ROUTES.is_file() else NO_ROUTES)
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    stack.enter_context(running([program, *arguments], folder / "alertmanager.log"))
    return address


def _prometheus(stack: ExitStack, folder: Path, exporter: str, manager: str | None) -> str | None:
    program = shutil.which("prometheus")
    if program is None:
        return None
    configuration = folder / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(prometheus_configuration(exporter, manager)))
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={address}",
    ]
    stack.enter_context(running([program, *arguments], folder / "prometheus.log"))
    return address


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives as long as the block; what it prints goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
