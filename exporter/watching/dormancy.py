"""Which components are without instances on purpose: the gauge that keeps alerts quiet there."""

from collections.abc import Iterable
from dataclasses import replace

from exporter.counting.series import remove
from exporter.model import App, ComponentHealth, ComponentKey, Quiet
from exporter.telemetry.metrics import Metrics

_OFF = frozenset({Quiet.ARCHIVED, Quiet.MAINTENANCE, Quiet.NOT_DEPLOYED})
"""The app is switched off, or not yet on: what its components have does not matter."""


class Dormancy:
    """Sets ``component_dormant`` of each component whose spec lets it be without instances.

    As long as it is not known how many instances the platform wants, a component that may sleep
    counts as asleep: an alert needs knowledge. One that is scaled by load runs unless told
    otherwise.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._gauge = metrics.component_dormant
        self._quiet: dict[ComponentKey, Quiet] = {}
        self._wanted: dict[ComponentKey, int] = {}

    def keep(self, apps: Iterable[App]) -> None:
        """These are the components that there are, with what their specs say now."""
        before, self._quiet = self._quiet, {}
        for app in apps:
            for component in app.components:
                key = ComponentKey(app.name, component.name)
                if component.quiet is not None:
                    self._quiet[key] = component.quiet
        for key in before.keys() | self._quiet.keys():
            if before.get(key) is not self._quiet.get(key):
                remove({"app": key.app, "component": key.component}, self._gauge)
        self._wanted = {key: self._wanted[key] for key in self._quiet.keys() & self._wanted.keys()}
        for key in self._quiet:
            self._show(key)

    def note(self, key: ComponentKey, wanted: int | None) -> None:
        """The platform wants so many instances of a component; None where that is not known."""
        if key not in self._quiet:
            return
        if wanted is None:
            self._wanted.pop(key, None)
        else:
            self._wanted[key] = wanted
        self._show(key)

    def _show(self, key: ComponentKey) -> None:
        quiet = self._quiet[key]
        unknown = 1 if quiet is Quiet.AUTOSCALING else 0
        dormant = quiet in _OFF or self._wanted.get(key, unknown) == 0
        self._gauge.labels(*key.parts, quiet).set(dormant)


def with_zeros(health: ComponentHealth, quiet: Quiet | None, *, named: bool) -> ComponentHealth:
    """The health of a component, with 0 instances where the answer left zeros out.

    The API may leave out zero values, and components that do not run. Of a component that may be
    without instances that is what their absence means; of any other they are unknown.

    Args:
        quiet: why the component may be without instances; None if it may not.
        named: whether the answer names the component.
    """
    if quiet is None or (quiet is Quiet.AUTOSCALING and not named):
        return health
    desired, ready = health.replicas_desired or 0, health.replicas_ready or 0
    return replace(health, replicas_desired=desired, replicas_ready=ready)
