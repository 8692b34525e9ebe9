"""A receiver of Alertmanager's webhooks on loopback: it keeps what arrives, and a test waits."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Notified = dict[str, Any]
"""One alert of a notification: ``status`` firing or resolved, ``labels``, ``annotations`` …"""


@dataclass(frozen=True)
class Notification:
    """One message that a person gets."""

    receiver: str
    alerts: tuple[Notified, ...]

    def firing(self, **labels: str) -> list[str]:
        """The names of its alerts that fire and have these labels."""
        return [
            alert["labels"]["alertname"]
            for alert in self.alerts
            if alert["status"] == "firing" and labels.items() <= alert["labels"].items()
        ]


class Webhook:
    """Serves while the ``with`` block lasts; answers every notification with 200."""

    def __init__(self) -> None:
        self._alerts: list[Notified] = []
        self._notifications: list[Notification] = []
        self._news = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._take(json.loads(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        """Where notifications go."""
        return f"http://127.0.0.1:{self._server.server_port}/"

    @property
    def alerts(self) -> list[Notified]:
        """Every alert of every notification so far, in the order of arrival."""
        with self._news:
            return list(self._alerts)

    def notifications(self, since: int = 0, **labels: str) -> list[tuple[str, list[str]]]:
        """Who was told of which alerts with these labels, message by message.

        Args:
            since: how many notifications that arrived before do not count.
        """
        with self._news:
            found = [(each.receiver, each.firing(**labels)) for each in self._notifications[since:]]
        return [(receiver, names) for receiver, names in found if names]

    @property
    def count(self) -> int:
        """How many notifications have arrived so far."""
        with self._news:
            return len(self._notifications)

    def wait_for(
        self, status: str, name: str, timeout: float, since: int = 0, **labels: str
    ) -> Notified:
        """Return the first alert of this name, status and labels, once it has arrived.

        Args:
            since: how many alerts that arrived before do not count.
        """

        def find() -> Notified | None:
            wanted = {"alertname": name, **labels}.items()
            return next(
                (
                    alert
                    for alert in self._alerts[since:]
                    if alert["status"] == status and wanted <= alert["labels"].items()
                ),
                None,
            )

        return self._wait(find, timeout, f"no {name} {status} {labels}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, body: dict[str, Any]) -> None:
        with self._news:
            self._alerts.extend(body["alerts"])
            self._notifications.append(Notification(body["receiver"], tuple(body["alerts"])))
            self._news.notify_all()

    def _wait(
        self, find: Callable[[], Notified | None], timeout: float, complaint: str
    ) -> Notified:
        with self._news:
            found = self._news.wait_for(find, timeout)
            assert found, f"{complaint}; arrived: " + ", ".join(
                f"{alert['labels']['alertname']} {alert['status']}" for alert in self._alerts
            )
            return found
