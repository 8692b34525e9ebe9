"""The metric of notifications, whatever account they are about."""

from exporter.notify.outbox import Outcome, Receiver
from exporter.telemetry.program_metrics import ExporterMetrics


class NotificationCounts:
    """Counts notifications by receiver and outcome; every series stands at 0 from the start."""

    def __init__(self, metrics: ExporterMetrics) -> None:
        self._counter = metrics.notifications
        for receiver in Receiver:
            for outcome in Outcome:
                self._counter.labels(receiver, outcome)

    def note(self, receiver: Receiver, outcome: Outcome) -> None:
        """Count a notification that reached a receiver, or was given up."""
        self._counter.labels(receiver, outcome).inc()
