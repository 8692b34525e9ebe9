"""Deployments: which one an app runs, and each that was seen to reach a final phase."""

from collections.abc import Sequence

from exporter.collect.ledger import Ledger
from exporter.digitalocean.apps import AppPlatform
from exporter.metrics import Metrics
from exporter.model import FINAL_PHASES, App, Deployment

READ_UP_TO = "read up to"
"""The note of when the newest final phase of an app was reached that was read, in Unix seconds."""


class Deployments:
    """Reads the latest deployments of apps and keeps their metrics.

    What was over when the ledger was begun is not counted, nor what an earlier run has read.
    """

    def __init__(self, platform: AppPlatform, metrics: Metrics, ledger: Ledger) -> None:
        self._platform = platform
        self._metrics = metrics
        self._ledger = ledger
        self._phases: dict[str, dict[str, str]] = {}  # app id → deployment id → phase

    def read(self, app: App) -> None:
        """Count the deployments that have reached a final phase since the last look.

        One request, which lists the latest ones; raises ApiError if that fails.
        """
        deployments = self._platform.deployments(app.id)
        with self._ledger.lock:
            self._count(app, deployments)
        self._phases[app.id] = {deployment.id: deployment.phase for deployment in deployments}
        self._describe(app, deployments)

    def forget(self, app: App) -> None:
        """The app is gone."""
        self._phases.pop(app.id, None)

    def _count(self, app: App, deployments: Sequence[Deployment]) -> None:
        counter, ledger = self._metrics.deployments, self._ledger
        before = self._phases.get(app.id, {})
        since = newest = ledger.value(counter, (app.name,), READ_UP_TO) or ledger.first_start
        for deployment in deployments:
            if deployment.phase not in FINAL_PHASES:
                continue
            changed_at = deployment.phase_changed_at or deployment.created_at or 0.0
            seen = before.get(deployment.id)
            if seen != deployment.phase if seen else changed_at > since:
                ledger.add(counter, (app.name, deployment.phase), 1)
            newest = max(newest, changed_at)
        if newest > since:
            ledger.note(counter, (app.name,), newest, READ_UP_TO)

    def _describe(self, app: App, deployments: Sequence[Deployment]) -> None:
        info = self._metrics.deployment_info
        info.remove_by_labels({"app": app.name})
        since = None
        shown = {deployment.id: deployment for deployment in deployments[:1]}
        active = app.active_deployment
        if active is not None:
            shown.setdefault(active.id, active)
            active = shown[active.id] if active.phase_changed_at is None else active
            since = active.phase_changed_at or active.created_at
        if since is not None:
            self._metrics.deployment_timestamp.labels(app.name).set(since)
        else:
            self._metrics.deployment_timestamp.remove_by_labels({"app": app.name})
        for deployment in shown.values():
            info.labels(app.name, deployment.id, deployment.phase).set(1)


def came_between(
    deployments: Sequence[Deployment], before: str, now: str
) -> tuple[Deployment, ...]:
    """The deployments that were active between two others and are not any more, oldest first.

    Args:
        deployments: the latest ones, newest first, as the API lists them.
        before: the id of the one that was active.
        now: the id of the one that is.
    """
    ids = [deployment.id for deployment in deployments]
    if before not in ids or now not in ids or ids.index(before) < ids.index(now):
        return ()
    between = deployments[ids.index(now) + 1 : ids.index(before)]
    return tuple(d for d in reversed(between) if d.phase == "SUPERSEDED")
