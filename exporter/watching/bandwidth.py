"""What each app sent on the last full day: one request a day for all apps."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from exporter.digitalocean.apps import AppPlatform
from exporter.errors import ApiError
from exporter.model import App
from exporter.telemetry.metrics import Metrics
from exporter.watching.failures import Failures

INTERVAL = 3600.0
"""Seconds between two looks at whether a day has passed, or an app was never asked for."""


class Bandwidth:
    """Reads the bandwidth of all apps; ``clock`` gives Unix seconds."""

    what = "bandwidth"

    def __init__(
        self,
        platform: AppPlatform,
        metrics: Metrics,
        failures: Failures,
        clock: Callable[[], float],
    ) -> None:
        self._platform = platform
        self._gauge = metrics.bandwidth
        self._failures = failures
        self._clock = clock
        self._day: date | None = None
        self._asked: set[str] = set()

    def read(self, apps: Sequence[App]) -> None:
        """Ask once a day (UTC), and again where an app has come since."""
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        ids = {app.id for app in apps}
        if not ids or (self._day == today and ids <= self._asked):
            return
        try:
            sent = self._platform.bandwidth(sorted(ids))
        except ApiError as error:
            self._failures.failed("", self.what, error)
            if self._day != today:
                self._gauge.clear()  # what it shows is of another day
            return
        self._failures.worked("", self.what)
        self._day, self._asked = today, ids
        for app in apps:
            if app.id in sent:
                self._gauge.labels(app.name).set(sent[app.id])
            else:
                self._gauge.remove_by_labels({"app": app.name})
