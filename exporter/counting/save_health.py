"""Whether what was counted can be saved: shown as metrics, logged when that changes."""

import logging

from exporter.telemetry.metrics import Metrics

LOG = logging.getLogger(__name__)


class SaveHealth:
    """How the latest attempt to save went.

    Args:
        metrics: show it, and count the failures.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.problem = ""
        """Why the latest attempt failed; empty where it did not."""
        metrics.state_up.set(1)

    @property
    def failing(self) -> bool:
        """Whether the latest attempt failed."""
        return bool(self.problem)

    def succeeded(self) -> None:
        """What had changed was saved."""
        if self.failing:
            LOG.info("state can be saved again; nothing is missing from it")
        self.problem = ""
        self._metrics.state_up.set(1)

    def failed(self, error: Exception) -> None:
        """What had changed could not be saved."""
        if not self.failing:
            LOG.error(
                "state cannot be saved: counting continues in memory, saving is tried again",
                extra={"fields": {"problem": error}},
            )
        self.problem = str(error) or type(error).__name__
        self._metrics.state_errors.inc()
        self._metrics.state_up.set(0)
