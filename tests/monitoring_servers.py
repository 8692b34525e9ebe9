"""Debian's Prometheus and Alertmanager, run by a test, and their HTTP APIs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import requests
import yaml
from waiting import LIMIT_SECONDS, last_lines, wait_for

from exporter.commands.children import free_port, running

START_SECONDS = LIMIT_SECONDS

Labels = Mapping[str, str]
T = TypeVar("T")
S = TypeVar("S", bound="_Server")


class _Server:
    """The HTTP API of a running server; ``log`` is where it writes what it has to say."""

    base = ""

    def __init__(self, address: str, log: Path) -> None:
        self.address = address
        self._log = log
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str, params: Any = None) -> requests.Response | None:
        """The answer to a GET; None while the server is not up."""
        url = f"http://{self.address}{self.base}/{path}"
        try:
            return self._session.get(url, params=params, timeout=LIMIT_SECONDS)
        except requests.ConnectionError:
            return None

    def wait_for(self, look: Callable[[], T], timeout: float) -> T:
        """Return what ``look`` finds, once that is something."""
        return wait_for(look, timeout, lambda: last_lines(self._log.read_text()))


class Prometheus(_Server):
    """The HTTP API of a running Prometheus."""

    base = "/api/v1"

    def ask(self, path: str, **params: str) -> Any:
        """The ``data`` of an answer; None if there is no good one."""
        answer = self.get(path, params)
        return answer.json()["data"] if answer is not None and answer.status_code == 200 else None

    def value(self, query: str) -> float | None:
        """The value of a query's first series, None if there is none."""
        data = self.ask("query", query=query)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def firing(self) -> list[dict[str, str]]:
        """The labels of the alerts that fire."""
        data = self.ask("alerts") or {"alerts": []}
        return [alert["labels"] for alert in data["alerts"] if alert["state"] == "firing"]


class Alertmanager(_Server):
    """The HTTP API of a running Alertmanager."""

    base = "/api/v2"

    def alerts(self) -> list[dict[str, Any]]:
        """Every alert that it holds, silenced and inhibited ones too."""
        answer = self.get("alerts")
        return answer.json() if answer is not None else []

    def fire(self, *alerts: Labels) -> None:
        """Let alerts with these labels fire, as Prometheus would say it."""
        self._post(alerts, timedelta(hours=1))

    def resolve(self, *alerts: Labels) -> None:
        """Let alerts with these labels be over."""
        self._post(alerts, timedelta(0))

    def states(self, *alerts: Labels) -> list[str]:
        """How alerts stand, ``active`` or ``suppressed``; empty while one is not there."""
        found = {frozenset(a["labels"].items()): a["status"]["state"] for a in self.alerts()}
        keys = [frozenset(labels.items()) for labels in alerts]
        return [found[key] for key in keys] if all(key in found for key in keys) else []

    def inhibited(self) -> dict[str, set[str]]:
        """The names of the alerts that are muted, each with the names of those that explain it."""
        alerts = self.alerts()
        names = {alert["fingerprint"]: alert["labels"]["alertname"] for alert in alerts}
        muted: dict[str, set[str]] = {}
        for alert in alerts:
            if sources := alert["status"]["inhibitedBy"]:
                explained = muted.setdefault(alert["labels"]["alertname"], set())
                explained.update(names[source] for source in sources if source in names)
        return muted

    def _post(self, alerts: Sequence[Labels], left: timedelta) -> None:
        ends = (datetime.now(UTC) + left).isoformat()
        url = f"http://{self.address}{self.base}/alerts"
        body = [{"labels": dict(labels), "endsAt": ends} for labels in alerts]
        self._session.post(url, json=body, timeout=LIMIT_SECONDS).raise_for_status()


@contextmanager
def prometheus(folder: Path, configuration: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Run Prometheus in ``folder`` on a configuration, until the block ends."""
    flags = ["--rules.alert.resend-delay=1s", f"--storage.tsdb.path={folder / 'prometheus-data'}"]
    text = yaml.safe_dump(dict(configuration))
    with _serving(Prometheus, "prometheus", folder, text, flags) as server:
        server.wait_for(lambda: server.ask("status/runtimeinfo"), START_SECONDS)
        yield server


@contextmanager
def alertmanager(folder: Path, configuration: str) -> Iterator[Alertmanager]:
    """Run Alertmanager, alone, in ``folder`` on the text of a configuration."""
    flags = ["--cluster.listen-address=", f"--storage.path={folder / 'alertmanager-data'}"]
    with _serving(Alertmanager, "prometheus-alertmanager", folder, configuration, flags) as server:
        server.wait_for(lambda: server.get("status"), START_SECONDS)
        yield server


@contextmanager
def _serving(
    kind: type[S], program: str, folder: Path, configuration: str, flags: Sequence[str]
) -> Iterator[S]:
    """Run a program on the text of its configuration and a free port; it may not be up yet."""
    file, log = folder / f"{program}.yml", folder / f"{program}.log"
    file.write_text(configuration)
    address = f"127.0.0.1:{free_port()}"
    arguments = [program, f"--config.file={file}", f"--web.listen-address={address}", *flags]
    with running(arguments, log):
        yield kind(address, log)
