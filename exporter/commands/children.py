"""Prometheus and Alertmanager beside the demo, where they are installed."""

import contextlib
import random
import shutil
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

_CHECKOUT = Path(__file__).parents[2] / "dashboards"
_INSTALLED = Path(sysconfig.get_path("data"), "share", "do-app-exporter")

RULES = next((f for f in (_CHECKOUT, _INSTALLED) if f.is_dir()), _CHECKOUT) / "alerts.yml"
"""The project's alert rules: beside the package in a checkout, or where they were installed."""

ROUTES = RULES.with_name("alertmanager.example.yml")
"""The project's routes: which alert mutes which."""

NO_ROUTES = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
"""Alerts are shown and go nowhere, where the routes are not at hand."""

STOP_SECONDS = 5.0
START_SECONDS = 20.0
PAUSE_SECONDS = 0.1
PROBE_SECONDS = 5.0

ALERT_PAGES = ("/alerts", "/classic/alerts")
"""Where Prometheus lists alerts: its own page, and that of builds without it, such as Debian's."""


@dataclass(frozen=True, slots=True)
class Program:
    """An installed program and the address that it will listen on."""

    path: str
    address: str

    @property
    def url(self) -> str:
        """The base URL of its pages."""
        return f"http://{self.address}"


@dataclass(frozen=True, slots=True)
class Installed:
    """The programs that can run beside the demo; None for what is not on PATH."""

    prometheus: Program | None
    alertmanager: Program | None


def installed() -> Installed:
    """Look for the programs on PATH and choose a free port for each."""
    return Installed(_program("prometheus"), _program("prometheus-alertmanager", "alertmanager"))


@contextmanager
def monitoring(found: Installed, exporter: str, folder: Path) -> Iterator[None]:
    """Run the installed programs, which scrape the exporter, until the block ends.

    Args:
        found: what to run, and where.
        exporter: ``host:port`` of the exporter.
        folder: where configuration and data may be written.
    """
    with ExitStack() as stack:
        if found.alertmanager is not None:
            stack.enter_context(_alertmanager(found.alertmanager, folder))
        if found.prometheus is not None:
            manager = found.alertmanager.address if found.alertmanager else None
            stack.enter_context(_prometheus(found.prometheus, folder, exporter, manager))
        yield


def alerts_address(prometheus: Program) -> str | None:
    """Return the address of the page with the alerts, or None if Prometheus does not start."""
    if not _starts(prometheus):
        return None
    for page in ALERT_PAGES:
        if _page(prometheus.url + page) is not None:
            return prometheus.url + page
    return f"{prometheus.url}/api/v1/alerts"


def alertmanager_hint(alertmanager: Program) -> str | None:
    """Return how to look at Alertmanager's alerts, or None if it does not start.

    Debian's build has no user interface, only a page without a script that says so; there
    the hint is a command.
    """
    if not _starts(alertmanager):
        return None
    page = _page(f"{alertmanager.url}/")
    if page is not None and "<script" in page:
        return f"{alertmanager.url}/"
    return f"amtool --alertmanager.url={alertmanager.url} alert query"


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


def _program(*names: str) -> Program | None:
    for name in names:
        if path := shutil.which(name):
            return Program(path, f"127.0.0.1:{free_port()}")
    return None


@contextmanager
def _alertmanager(program: Program, folder: Path) -> Iterator[None]:
    configuration = folder / "alertmanager.yml"
    configuration.write_text(ROUTES.read_text() if ROUTES.is_file() else NO_ROUTES)
    arguments = [
        f"--config.file={configuration}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={program.address}",
        "--cluster.listen-address=",
    ]
    with running([program.path, *arguments], folder / "alertmanager.log"):
        yield


@contextmanager
def _prometheus(
    program: Program, folder: Path, exporter: str, manager: str | None
) -> Iterator[None]:
    configuration = folder / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(prometheus_configuration(exporter, manager)))
    arguments = [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={program.address}",
    ]
    with running([program.path, *arguments], folder / "prometheus.log"):
        yield


def _starts(program: Program) -> bool:
    """Wait until the program is ready; False if it is not within START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while _page(f"{program.url}/-/ready") is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def _page(url: str) -> str | None:
    """The text of a page, or None if there is no such page."""
    try:
        answer = requests.get(url, timeout=PROBE_SECONDS)
    except requests.RequestException:
        return None
    return answer.text if answer.ok else None


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
    """A port of loopback that is free now, for a program that cannot choose one itself.

    It lies below those that systems give to outgoing connections (from 32768 on Linux, 49152
    elsewhere), so that no connection takes it before the program listens.
    """
    while True:
        port = random.randint(10_000, 32_767)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
