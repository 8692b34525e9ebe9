"""Deployments: which one an app runs, and each that was seen to reach a final phase.

``deployment_logs`` reads the logs of one that has.
"""

from collections.abc import Mapping, Sequence

from exporter.counting.deployment_causes import cause_label
from exporter.counting.ledger import Ledger
from exporter.counting.notifier import Notifier
from exporter.digitalocean.apps import AppPlatform
from exporter.model import FINAL_PHASES, App, Deployment
from exporter.reading.deployment_logs import DeploymentLogs
from exporter.telemetry.metrics import Metrics
from exporter.watching import deployment_steps

READ_UP_TO = "read up to"
"""The note of when the newest final phase of an app was reached that was read, in Unix seconds."""


class Deployments:
    """Reads the latest deployments of apps and keeps their metrics.

    What was over when the ledger was begun is not counted, nor what an earlier run has read.
    """

    def __init__(
        self,
        platform: AppPlatform,
        metrics: Metrics,
        ledger: Ledger,
        logs: DeploymentLogs,
        notifier: Notifier,
    ) -> None:
        self._platform = platform
        self._metrics = metrics
        self._ledger = ledger
        self._logs = logs
        self._notifier = notifier
        # App id → deployment id → the phases that it was seen in, the latest last, with when it
        # entered each.
        self._phases: dict[str, dict[str, dict[str, float]]] = {}

    def read(self, app: App) -> None:
        """Count the deployments that have reached a final phase since the last look.

        One request, which lists the latest ones; raises ApiError if that fails.
        """
        deployments = self._platform.deployments(app.id)
        with self._ledger.transaction():
            rested = self._count(app, deployments)
            self._logs.came_to_rest(app, rested)
            self._logs.forget_others(app, deployments)
        before = self._phases.get(app.id, {})
        self._phases[app.id] = {
            deployment.id: before.get(deployment.id, {})
            | {deployment.phase: _changed_at(deployment)}
            for deployment in deployments
        }
        self._describe(app, deployments)
        self._describe_steps(app, rested)
        self._logs.start(app)

    def forget(self, app: App) -> None:
        """The app is gone."""
        self._phases.pop(app.id, None)
        with self._ledger.transaction():
            self._notifier.deployed(app.name, None)
        self._logs.forget(app)

    def _count(self, app: App, deployments: Sequence[Deployment]) -> list[Deployment]:
        """Count what reached a final phase; return the deployments that did, oldest first."""
        counter, ledger = self._metrics.deployments, self._ledger
        before = self._phases.get(app.id, {})
        since = newest = ledger.value(counter, (app.name,), READ_UP_TO) or ledger.first_start
        rested: list[Deployment] = []
        began_since = set(_newer([deployment.id for deployment in deployments], before))
        for deployment in deployments:
            if deployment.phase not in FINAL_PHASES:
                continue
            changed_at = _changed_at(deployment)
            seen = list(before.get(deployment.id, ()))
            news = deployment.id in began_since or changed_at > since
            if seen[-1] != deployment.phase if seen else news:
                ledger.add(counter, (app.name, deployment.phase, self._cause(deployment)), 1)
                if not FINAL_PHASES.intersection(seen):
                    rested.append(deployment)
                    self._count_failure(app, deployment)
            newest = max(newest, changed_at)
        if newest > since:
            ledger.note(counter, (app.name,), newest, READ_UP_TO)
        return rested[::-1]

    def _cause(self, deployment: Deployment) -> str:
        known = self._ledger.known(self._metrics.deployments)
        # The note of the newest final phase is kept under the app's label alone.
        return cause_label(deployment.cause, {labels[2] for labels in known if len(labels) == 3})

    def _count_failure(self, app: App, deployment: Deployment) -> None:
        if deployment.phase == "ERROR":
            stage, reason = deployment_steps.failure(deployment)
            self._ledger.add(self._metrics.deployment_failures, (app.name, stage, reason), 1)
            words = [line.encode() for line in deployment_steps.failure_message(deployment)]
            self._notifier.deployment_failed(app.name, reason, _changed_at(deployment), words)

    def _describe_steps(self, app: App, rested: Sequence[Deployment]) -> None:
        for deployment in rested:
            entered = self._phases[app.id][deployment.id]
            for stage, seconds in deployment_steps.durations(deployment, entered).items():
                self._metrics.deployment_duration.labels(app.name, stage).set(seconds)

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
        with self._ledger.transaction():
            self._notifier.deployed(app.name, since)
        if since is not None:
            self._metrics.deployment_timestamp.labels(app.name).set(since)
        else:
            self._metrics.deployment_timestamp.remove_by_labels({"app": app.name})
        for deployment in shown.values():
            info.labels(app.name, deployment.id, deployment.phase).set(1)


def _changed_at(deployment: Deployment) -> float:
    return deployment.phase_changed_at or deployment.created_at or 0.0


def _newer(ids: Sequence[str], known: Mapping[str, object]) -> Sequence[str]:
    """Those that stand before all that are known; none if nothing is.

    Their times need not say so: the API's are of whole seconds.
    """
    first = next((place for place, name in enumerate(ids) if name in known), 0)
    return ids[:first]
