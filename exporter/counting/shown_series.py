"""What scrapes see of numbers that are not kept yet: where they stood when they last were."""

from collections.abc import Collection, Mapping

from exporter.counting.invariants import Invariants
from exporter.state.store import ValueKey
from exporter.telemetry.table import Counter, Gauge


class ShownSeries:
    """The series that wait for a save; used within the ledger's transactions.

    Args:
        invariants: no counter falls.
    """

    def __init__(self, invariants: Invariants) -> None:
        self._invariants = invariants
        self._shown: dict[ValueKey, float] = {}
        self._series: dict[ValueKey, Counter | Gauge] = {}  # the metrics of those that exist

    def await_save(self, key: ValueKey, metric: Counter | Gauge, before: float) -> None:
        """A number has changed: its series stays where it is until that is kept."""
        self._shown.setdefault(key, before)
        self._series[key] = metric

    def begin(self, key: ValueKey, metric: Counter | Gauge, value: float | None) -> None:
        """Make a series at what was kept last of its value; None where nothing is known of it."""
        series = metric.labels(*key.labels)
        if value is not None:
            series.set(self._shown.get(key, value))
        if key in self._shown:
            self._series[key] = metric

    def withdraw(self, key: ValueKey) -> None:
        """A series was removed: nothing makes it again but ``begin``."""
        self._series.pop(key, None)

    def waiting(self) -> list[ValueKey]:
        """Every series that waits for a save."""
        return list(self._series)

    def forget(self, key: ValueKey) -> None:
        """A number is not kept any more."""
        self._shown.pop(key, None)
        self._series.pop(key, None)

    def publish(self, saved: Mapping[ValueKey, float], changed: Collection[ValueKey]) -> None:
        """Show what was saved, or could not be; what is no longer there stays away.

        Args:
            changed: what has changed again since.
        """
        for key, value in saved.items():
            if key in self._shown:
                self._shown[key] = value
            if (metric := self._series.get(key)) is not None:
                series = metric.labels(*key.labels)
                if type(metric) is Gauge or self._invariants.grows(key, series.value, value):
                    series.set(value)
            if key not in changed:
                self.forget(key)
