"""Autoscaling: each change of the number of a component's instances counts once."""

import json
from collections.abc import Callable, Sequence

from exporter.counting.ledger import Ledger
from exporter.counting.once import Once
from exporter.counting.series import Series
from exporter.digitalocean.apps import AppPlatform
from exporter.errors import ApiError, StateError
from exporter.model import App, AutoscalingEvent, ComponentKey
from exporter.telemetry.metrics import Metrics
from exporter.watching.failures import Failures

KIND = "autoscaling"
"""Of the document that holds which events of an app were counted."""


class Autoscaling:
    """Reads the autoscaling events of one app at a time.

    Args:
        start: returns Unix seconds of the platform; events from before do not count.
    """

    what = "events"

    def __init__(
        self,
        platform: AppPlatform,
        metrics: Metrics,
        ledger: Ledger,
        series: Series,
        failures: Failures,
        *,
        start: Callable[[], float],
    ) -> None:
        self._platform = platform
        self._metrics = metrics
        self._ledger = ledger
        self._series = series
        self._failures = failures
        self._start = start

    def wants(self, app: App) -> bool:
        """Every app has events."""
        return True

    def read(self, app: App) -> None:
        """Count the events that have ended since the last look: one request."""
        try:
            events = self._platform.autoscaling_events(app.id)
        except ApiError as error:
            self._failures.failed(app.name, self.what, error)
            return
        self._failures.worked(app.name, self.what)
        with self._ledger.transaction():
            if self._series.is_app_open(app.name):
                self._take(app, events)

    def lose(self, app: App) -> None:
        """What was counted stays true."""

    def forget(self, app: App) -> None:
        """Nothing is kept of an app but in the ledger."""

    def _take(self, app: App, events: Sequence[AutoscalingEvent]) -> None:
        once, changed = self._load(app), False
        for event in events:
            created = event.created_at or 0.0
            if once.is_counted(event.id, created):
                continue
            if not event.over:
                changed = once.begin(event.id, created) or changed
                continue
            # One from before that was still under way at the start has ended in our time.
            counts = event.id in once.open or created >= int(self._start())
            once.count(event.id, created)
            changed = True
            if counts:
                self._count(app, event)
        if changed:
            data = json.dumps(once.to_json()).encode()
            self._ledger.documents.keep(KIND, (app.name,), "", data)

    def _count(self, app: App, event: AutoscalingEvent) -> None:
        for change in event.changes:
            if self._series.is_open(ComponentKey(app.name, change.component)):
                labels = (app.name, change.component, change.direction, change.trigger)
                self._ledger.add(self._metrics.autoscaling_events, labels, 1)

    def _load(self, app: App) -> Once:
        data = self._ledger.documents.kept(KIND, (app.name,)).get("")
        if data is None:
            return Once()
        try:
            return Once.from_json(json.loads(data))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"state of {app.name}: its events cannot be read: {error}") from None
