"""The platform's own restart counts as it last told them, for whoever reads RUN_RESTARTED next."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.model import App, ComponentKey, InstanceRestarts


@dataclass(frozen=True, slots=True)
class CountedRestarts:
    """How often each instance of a component, by its alias, had restarted when that was read."""

    counts: Mapping[str, int]
    read_at: float


class RestartCounts:
    """The latest counts of each component's active deployment; each change replaces a value."""

    def __init__(self) -> None:
        self._latest: dict[ComponentKey, tuple[str, CountedRestarts]] = {}

    def take_over(self, before: "RestartCounts") -> None:
        """Go on with what another knows."""
        self._latest = before._latest

    def note(
        self, app: App, component: str, restarts: Iterable[InstanceRestarts], read_at: float
    ) -> None:
        """Take in the counts of a component, asked for at a time (Unix seconds)."""
        if app.active_deployment is None:
            return
        counts: Counter[str] = Counter()
        for instance in restarts:
            counts[instance.component_instance] += int(instance.count)
        counted = CountedRestarts(counts, read_at)
        self._latest[ComponentKey(app.name, component)] = app.active_deployment.id, counted

    def of(self, component: ComponentKey, deployment_id: str) -> CountedRestarts | None:
        """The latest counts of a deployment, None if none were read while it was active."""
        known_of, counted = self._latest.get(component, ("", None))
        return counted if known_of == deployment_id else None

    def forget(self, component: ComponentKey) -> None:
        """The component is gone."""
        self._latest.pop(component, None)
