"""How deployments of an app begin, go through their phases, and make room for the next one.

Works on ``state`` under the lock of ``Platform``, which is the only caller.
"""

import random
import uuid
from collections.abc import Callable

from exporter.model import ComponentKey, LogType
from exporter.simulator.state import (
    IN_PROGRESS_PHASES,
    RUNNING_KINDS,
    App,
    ComponentSpec,
    Container,
    Deployment,
    Instance,
)
from exporter.simulator.truth import Ledger

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What Kubernetes makes the random ends of names from."""


class Rollout:
    """Moves deployments along.

    Args:
        clock: now, in Unix seconds.
        rng: makes ids and instance names.
        ledger: records phases and what is thrown away.
        retention: lines that a container keeps.
        past_deployments: how many deployments at rest an app keeps beside its active one.
        run_archives: whether run-time logs of deployments that have ended are archived.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        rng: random.Random,
        ledger: Ledger,
        *,
        retention: int,
        past_deployments: int,
        run_archives: bool,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._ledger = ledger
        self.retention = retention
        self._past_deployments = past_deployments
        self.run_archives = run_archives

    def new_id(self) -> str:
        """An id as the platform gives them."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def begin(self, app: App, components: tuple[ComponentSpec, ...], cause: str) -> Deployment:
        """Begin a deployment; one that is still under way is canceled for it."""
        if (pending := app.in_progress) is not None:
            self.end(app, pending, "CANCELED")
        deployment = Deployment(self.new_id(), cause, self._clock(), components)
        for component in components:
            deployment.build[component.name] = Container(self.retention)
            deployment.deploy[component.name] = Container(self.retention)
        app.deployments.append(deployment)
        self._enter(app, deployment, "PENDING_BUILD")
        self._forget_oldest(app)
        return deployment

    def advance(self, app: App, deployment: Deployment) -> None:
        """Move a deployment under way to its next phase."""
        phases = (*IN_PROGRESS_PHASES, "ACTIVE")
        phase = phases[phases.index(deployment.phase) + 1]
        if phase == "DEPLOYING":
            self._start_containers(deployment)
        if phase == "ACTIVE":
            self._activate(app, deployment)
        else:
            self._enter(app, deployment, phase)

    def end(self, app: App, deployment: Deployment, phase: str) -> None:
        """Bring a deployment to rest in ``phase``: its containers and builds end."""
        for instance in deployment.all_instances():
            instance.running.ended = True
            if not self.run_archives:
                for container in instance.containers():
                    self._ledger.refused(ComponentKey(app.name, instance.component), container)
        for log in (*deployment.build.values(), *deployment.deploy.values()):
            log.ended = True
        self._enter(app, deployment, phase)

    def reactivate(self, app: App, deployment: Deployment) -> None:
        """Make an earlier deployment the active one again, under its own id."""
        self._discard_run_logs(app, deployment)
        app.deployments.remove(deployment)
        app.deployments.append(deployment)
        self._start_containers(deployment)
        self._activate(app, deployment)

    def scale(self, app: App, deployment: Deployment, component: str, count: int) -> None:
        """Add instances of a component, or take the last ones away with their logs."""
        instances = deployment.instances[component]
        key = ComponentKey(app.name, component)
        for instance in instances[count:]:
            instance.running.ended = True
            self.discard_previous(key, instance)
            self._discard_lines(key, LogType.RUN, instance.running)
        del instances[count:]
        replica_set = self._suffix(10)
        for index in range(len(instances), count):
            name = f"{component}-{replica_set}-{self._suffix(5)}"
            instances.append(Instance(component, index, name, Container(self.retention)))

    def end_instances(self, app: App, component: str) -> None:
        """End all instances of a component in the active deployment; their logs are refused."""
        instances = app.active.instances.get(component, []) if app.active is not None else []
        for instance in instances:
            instance.running.ended = True
            for container in instance.containers():
                self._ledger.refused(ComponentKey(app.name, component), container)
        instances.clear()

    def discard(self, app: App, deployment: Deployment) -> None:
        """Throw away a deployment's logs."""
        self._discard_run_logs(app, deployment)
        for log_type, logs in (
            (LogType.BUILD, deployment.build),
            (LogType.DEPLOY, deployment.deploy),
        ):
            for component, container in logs.items():
                self._discard_lines(ComponentKey(app.name, component), log_type, container)

    def discard_previous(self, key: ComponentKey, instance: Instance) -> None:
        """Throw away the log of an instance's previous container, if it has one."""
        if instance.previous is not None:
            self._discard_lines(key, LogType.RUN, instance.previous)
            self._ledger.end_discarded(key, instance.previous)
            instance.previous = None

    def _activate(self, app: App, deployment: Deployment) -> None:
        if app.active is not None and app.active is not deployment:
            self.end(app, app.active, "SUPERSEDED")
        for log in (*deployment.build.values(), *deployment.deploy.values()):
            log.ended = True
        app.active = deployment
        app.activations.append((self._clock(), deployment))
        app.components = deployment.components
        self._enter(app, deployment, "ACTIVE")

    def _enter(self, app: App, deployment: Deployment, phase: str) -> None:
        deployment.phase = phase
        deployment.phase_changed_at = deployment.entered[phase] = self._clock()
        self._ledger.entered(app.name, phase)

    def _start_containers(self, deployment: Deployment) -> None:
        for component in deployment.components:
            if component.kind in RUNNING_KINDS:
                replica_set = self._suffix(10)
                deployment.instances[component.name] = [
                    Instance(
                        component.name,
                        index,
                        f"{component.name}-{replica_set}-{self._suffix(5)}",
                        Container(self.retention),
                    )
                    for index in range(component.instances)
                ]

    def _suffix(self, length: int) -> str:
        return "".join(self._rng.choices(_SUFFIX_LETTERS, k=length))

    def _forget_oldest(self, app: App) -> None:
        at_rest = [each for each in app.deployments if not each.live]
        for deployment in at_rest[: max(0, len(at_rest) - self._past_deployments)]:
            self.discard(app, deployment)
            app.deployments.remove(deployment)

    def _discard_run_logs(self, app: App, deployment: Deployment) -> None:
        for instance in deployment.all_instances():
            key = ComponentKey(app.name, instance.component)
            self.discard_previous(key, instance)
            self._discard_lines(key, LogType.RUN, instance.running)
            instance.running.ended = True

    def _discard_lines(self, key: ComponentKey, log_type: LogType, container: Container) -> None:
        for line in container.lines:
            self._ledger.discarded(key, log_type, line)
        container.lines.clear()
