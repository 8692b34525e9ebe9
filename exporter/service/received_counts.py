"""The metrics of requests with pushed logs, whatever account their lines are of."""

from exporter.errors import REFUSALS
from exporter.receiving.records import Format
from exporter.telemetry.program_metrics import ExporterMetrics


class ReceivedCounts:
    """Counts lines and refusals; every series stands at 0 from the start."""

    def __init__(self, metrics: ExporterMetrics) -> None:
        self._metrics = metrics
        for format in Format:
            for counter in (
                metrics.received_lines,
                metrics.received_duplicates,
                metrics.received_unknown_lines,
            ):
                counter.labels(format)
            for kind in REFUSALS:
                metrics.receive_errors.labels(format, kind)

    def lines(self, format: Format, counted: int, repeated: int, unknown: int) -> None:
        """Count the lines of one request."""
        self._metrics.received_lines.labels(format).inc(counted)
        self._metrics.received_duplicates.labels(format).inc(repeated)
        self._metrics.received_unknown_lines.labels(format).inc(unknown)

    def refused(self, format: Format, kind: str) -> None:
        """Count a request that was not taken."""
        self._metrics.receive_errors.labels(format, kind).inc()
