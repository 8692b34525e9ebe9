"""The simulated App Platform itself: apps that write, crash and are deployed, and the truth of it.

Pure state behind one lock: no I/O, no threads, no clock of its own. ``LogReader`` reads its logs,
``RestApi`` shows the rest of it.
"""

import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from exporter.model import ComponentKey, LogType
from exporter.simulator.log_writing import LogWriter
from exporter.simulator.lookup import (
    UnknownTargetError,
    deployment_under_way,
    find_app,
    find_deployment,
    find_instance,
)
from exporter.simulator.rollout import Rollout
from exporter.simulator.state import (
    IN_PROGRESS_PHASES,
    App,
    ComponentSpec,
    Container,
    Deployment,
    Health,
    Instance,
    Layout,
    Line,
)
from exporter.simulator.truth import Ledger, Truth

T = TypeVar("T")

LastWords = Mapping[str, Sequence[str | bytes]]

LATE_SECONDS = 2.0
"""How far behind their time the platform's own lines stand in a log."""

EXITED = "ERROR component {component} exited with code: {code}"
TERMINATED = "ERROR component {component} terminated with non-zero exit code: {code}"
"""The wordings in which the platform reports an exit."""

_BETWEEN_NS = 1_000_000
"""How far apart the times of several lines about one exit are."""


class Platform:
    """Apps by name, and everything that happens to them.

    Args:
        clock: now, in Unix seconds.
        seed: of ids and instance names.
        retention_lines: how many lines of one container's log are kept; older ones are lost.
        past_deployments: how many deployments at rest are kept per app beside the active one.
        record_lines: keep the text of every line written, for ``lines_written``.
        run_archives: archive the run-time logs of deployments that have ended; else they are
            refused, as the platform does.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        seed: int = 0,
        retention_lines: int = 10_000,
        past_deployments: int = 10,
        record_lines: bool = False,
        run_archives: bool = False,
    ) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._apps: dict[str, App] = {}
        self._ledger = Ledger(record_lines)
        self._rollout = Rollout(
            clock,
            random.Random(seed),
            self._ledger,
            retention=retention_lines,
            past_deployments=past_deployments,
            run_archives=run_archives,
        )
        self._writer = LogWriter(clock, self._ledger)
        self._listeners: list[Callable[[str | None], None]] = []

    def create_app(
        self,
        name: str,
        components: Iterable[ComponentSpec],
        *,
        region: str = "ams",
        tier: str = "basic",
        layout: Layout = Layout.SEQUENTIAL,
        deployed: bool = True,
    ) -> str:
        """Create an app, with an active deployment unless ``deployed`` is false; return its id."""
        with self._lock:
            if name in self._apps:
                raise ValueError(f"app {name} exists")
            parts = tuple(components)
            app = App(self._rollout.new_id(), name, region, tier, layout, self._clock(), parts)
            self._apps[name] = app
            if deployed:
                self.deploy(name, cause="initial deployment")
            return app.id

    def remove_app(self, name: str) -> None:
        """Remove an app with all its logs."""
        with self._lock:
            app = find_app(self._apps, name)
            for deployment in app.deployments:
                self._rollout.discard(app, deployment)
            del self._apps[name]
        self._notify()

    @property
    def run_archives(self) -> bool:
        """Whether the run-time logs of deployments that have ended are archived."""
        return self._rollout.run_archives

    @run_archives.setter
    def run_archives(self, archived: bool) -> None:
        with self._lock:
            self._rollout.run_archives = archived

    def set_layout(self, app: str, layout: Layout) -> None:
        """How the texts of several instances come together from now on."""
        with self._lock:
            find_app(self._apps, app).layout = layout

    def set_health(self, app: str, component: str, health: Health) -> None:
        """What the platform says of a component from now on."""
        with self._lock:
            find_app(self._apps, app).health[component] = health

    def set_restart_count_lag(self, app: str, seconds: float) -> None:
        """How late the platform counts container ends from now on."""
        with self._lock:
            find_app(self._apps, app).restart_count_lag = seconds

    def write(
        self,
        app: str,
        component: str,
        instance: int,
        message: str | bytes,
        *,
        timestamp_ns: int | None = None,
        deployment_id: str | None = None,
    ) -> None:
        """Write a message from an instance of the active (or the named) deployment.

        A message of several lines becomes as many lines, each with a prefix of its own.
        Timestamps rise strictly per instance, unless ``timestamp_ns`` (Unix nanoseconds) is given.
        """
        text = message.encode() if isinstance(message, str) else message
        with self._lock:
            container = self._instance(app, component, instance, deployment_id).running
            key = ComponentKey(app, component)
            for part in text.split(b"\n"):
                self._writer.append(
                    container, key, part, instance=instance, timestamp_ns=timestamp_ns
                )
        self._notify(key)

    def write_raw(
        self,
        app: str,
        component: str,
        instance: int,
        text: bytes,
        *,
        deployment_id: str | None = None,
    ) -> None:
        """Write one line that is served without component and timestamp."""
        with self._lock:
            container = self._instance(app, component, instance, deployment_id).running
            key = ComponentKey(app, component)
            self._writer.append(container, key, text, instance=instance, prefixed=False)
        self._notify(key)

    def lose_lines(self, app: str, component: str, lines: int) -> None:
        """Let the next lines of a component get lost; the truth does not know them either."""
        with self._lock:
            self._writer.lose(ComponentKey(app, component), lines)

    def write_deployment_log(
        self, app: str, component: str, log_type: LogType, message: str, *, prefixed: bool = False
    ) -> None:
        """Write a line to the BUILD or DEPLOY log of the newest deployment."""
        with self._lock:
            deployment = find_app(self._apps, app).deployments[-1]
            logs = {LogType.BUILD: deployment.build, LogType.DEPLOY: deployment.deploy}[log_type]
            if component not in logs:
                raise UnknownTargetError(f"{app} has no component {component}")
            key = ComponentKey(app, component)
            self._writer.append(
                logs[component], key, message.encode(), log_type=log_type, prefixed=prefixed
            )
        self._notify()

    def crash(
        self,
        app: str,
        component: str,
        instance: int,
        last_words: Sequence[str | bytes] = (),
        *,
        deployment_id: str | None = None,
        exit_code: int | None = None,
        told: Sequence[str] = (EXITED,),
    ) -> None:
        """End an instance's container after its last words; a new one begins with an empty log.

        The ended one's log becomes the instance's previous log and replaces an older one. With an
        ``exit_code`` the platform reports the end in lines of its own, which stand in the log of
        the new container with a time before those of the last words.

        Args:
            told: the wordings of these lines, in order; the same one may come twice.
        """
        with self._lock:
            for words in last_words:
                self.write(app, component, instance, words, deployment_id=deployment_id)
            ended = self._instance(app, component, instance, deployment_id)
            key = ComponentKey(app, component)
            self._rollout.discard_previous(key, ended)
            ended.running.ended = True
            ended.previous = ended.running
            ended.running = Container(self._rollout.retention)
            ended.restarted_at.append(self._clock())
            self._ledger.crashed(key)
            if exit_code is not None:
                self._tell_exit(key, ended, exit_code, told)
        self._notify(key)

    def scale(self, app: str, component: str, instances: int) -> None:
        """Run so many instances of a component from now on, as autoscaling does.

        The last ones go with their logs, including those of their previous containers.
        """
        with self._lock:
            state = find_app(self._apps, app)
            if state.active is None:
                raise UnknownTargetError(f"{app} has no running deployment")
            self._rollout.scale(state, state.active, component, instances)
        self._notify()

    def sleep(self, app: str, component: str, last_words: Sequence[str | bytes] = ()) -> None:
        """End every instance of a component: nobody has asked for it in a long time.

        Their logs can be asked for no more; open streams bring the rest.

        Args:
            last_words: what each instance writes on SIGTERM.
        """
        with self._lock:
            state = find_app(self._apps, app)
            running = state.active.instances if state.active is not None else {}
            for instance in running.get(component, ()):
                for words in last_words:
                    self.write(app, component, instance.index, words)
            self._rollout.end_instances(state, component)
        self._notify()

    def wake(self, app: str, component: str) -> None:
        """Run a component that sleeps again, in new containers."""
        with self._lock:
            state = find_app(self._apps, app)
            [spec] = [each for each in state.components if each.name == component]
            self.scale(app, component, spec.instances)

    def archive(self, app: str) -> None:
        """Switch an app off: it has no instances until it is restored."""
        with self._lock:
            state = find_app(self._apps, app)
            state.archived = True
            for component in state.components:
                self.sleep(app, component.name)

    def restore(self, app: str) -> str:
        """Switch an archived app on again, with a deployment; return its id."""
        with self._lock:
            find_app(self._apps, app).archived = False
            return self.deploy(app, cause="app restored")

    def tell(self, app: str, component: str, instance: int, message: str) -> None:
        """Write a line of the platform's own among those of an instance, ``LATE_SECONDS`` late."""
        with self._lock:
            at = int((self._clock() - LATE_SECONDS) * 1e9)
            self.write(app, component, instance, message, timestamp_ns=at)

    def _tell_exit(
        self, key: ComponentKey, instance: Instance, exit_code: int, wordings: Sequence[str]
    ) -> None:
        self._ledger.exited(key, exit_code)
        at = int((self._clock() - LATE_SECONDS) * 1e9)
        for number, wording in enumerate(wordings):
            self._writer.append(
                instance.running,
                key,
                wording.format(component=key.component, code=exit_code).encode(),
                instance=instance.index,
                timestamp_ns=at + number * _BETWEEN_NS,
            )

    def begin_deployment(
        self,
        app: str,
        components: Iterable[ComponentSpec] | None = None,
        *,
        cause: str = "manual",
    ) -> str:
        """Begin a deployment (PENDING_BUILD), with a new spec if one is given; return its id."""
        with self._lock:
            state = find_app(self._apps, app)
            parts = state.components if components is None else tuple(components)
            deployment = self._rollout.begin(state, parts, cause)
        self._notify()
        return deployment.id

    def advance_deployment(
        self, app: str, last_words: LastWords | None = None, *, exit_code: int | None = None
    ) -> str:
        """Move the deployment under way to its next phase; return the phase.

        Its containers start with DEPLOYING and run beside the old ones; with ACTIVE they take
        over: the old ones get SIGTERM, say their last words and end.

        Args:
            last_words: what each instance of a component (by name) writes on SIGTERM.
            exit_code: what the platform then says in a line of its own that it exited with.
        """
        with self._lock:
            state = find_app(self._apps, app)
            deployment = deployment_under_way(state)
            if deployment.phase == IN_PROGRESS_PHASES[-1] and state.active is not None:
                self._terminate(app, state.active, last_words or {}, exit_code)
            self._rollout.advance(state, deployment)
        self._notify()
        return deployment.phase

    def _terminate(
        self, app: str, deployment: Deployment, last_words: LastWords, exit_code: int | None
    ) -> None:
        by_schedule = {each.name for each in deployment.components if each.job is not None}
        for instance in deployment.all_instances():
            for words in last_words.get(instance.component, ()):
                self.write(app, instance.component, instance.index, words)
            if exit_code is not None and instance.component not in by_schedule:
                key = ComponentKey(app, instance.component)
                self._tell_exit(key, instance, exit_code, (EXITED,))

    def end_deployment(self, app: str, phase: str = "ERROR") -> None:
        """Let the deployment under way fail (ERROR) or be CANCELED; the active one stays."""
        with self._lock:
            state = find_app(self._apps, app)
            self._rollout.end(state, deployment_under_way(state), phase)
        self._notify()

    def deploy(
        self,
        app: str,
        components: Iterable[ComponentSpec] | None = None,
        *,
        cause: str = "manual",
        last_words: LastWords | None = None,
    ) -> str:
        """Deploy from start to ACTIVE at once; return the new deployment's id.

        Args:
            last_words: as in ``advance_deployment``.
        """
        with self._lock:
            deployment_id = self.begin_deployment(app, components, cause=cause)
            while self.advance_deployment(app, last_words) != "ACTIVE":
                pass
        return deployment_id

    def rollback(self, app: str, deployment_id: str, *, new_deployment: bool = True) -> str:
        """Go back to an earlier deployment's spec; return the id of what is active then.

        The platform makes a new deployment for it; with ``new_deployment=False`` the earlier id
        itself becomes active again, with new containers.
        """
        with self._lock:
            state = find_app(self._apps, app)
            earlier = find_deployment(state, deployment_id)
            if new_deployment:
                return self.deploy(
                    app, earlier.components, cause=f"rollback to deployment {deployment_id}"
                )
            self._rollout.reactivate(state, earlier)
        self._notify()
        return deployment_id

    def app_id(self, app: str) -> str:
        """The id of an app."""
        with self._lock:
            return find_app(self._apps, app).id

    def active_deployment_id(self, app: str) -> str | None:
        """The id of an app's active deployment, None before the first."""
        with self._lock:
            active = find_app(self._apps, app).active
            return None if active is None else active.id

    def under_way_deployment_id(self, app: str) -> str:
        """The id of an app's deployment that is under way."""
        with self._lock:
            return deployment_under_way(find_app(self._apps, app)).id

    def truth(self) -> Truth:
        """What really happened so far."""
        with self._lock:
            return self._ledger.snapshot()

    def lines_written(
        self, app: str, component: str, log_type: LogType = LogType.RUN
    ) -> tuple[bytes, ...]:
        """Every line written, newline included, if the platform records lines."""
        with self._lock:
            return self._ledger.texts(ComponentKey(app, component), log_type)

    def forward(self, read: Callable[[ComponentKey, Line], None]) -> None:
        """Give each run-time line to ``read`` when it is written; it must not wait."""
        with self._lock:
            self._writer.readers.append(read)

    def view(self, function: Callable[[Mapping[str, App]], T]) -> T:
        """What ``function`` makes of the apps (by id) while nothing changes them."""
        with self._lock:
            return function({app.id: app for app in self._apps.values()})

    def sequence(self) -> int:
        """The number of the newest line of the whole platform."""
        with self._lock:
            return self._writer.sequence

    def add_listener(self, listener: Callable[[str | None], None]) -> None:
        """Call ``listener`` after each change, in the thread that made it.

        Its argument is the component whose logs changed (``app/component``), None where more did.

        A change of several steps may call it while the platform is locked, so it must not wait.
        """
        with self._lock:
            self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[str | None], None]) -> None:
        """Call ``listener`` no more."""
        with self._lock:
            self._listeners.remove(listener)

    def _notify(self, key: ComponentKey | None = None) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(None if key is None else str(key))

    def _instance(
        self, app: str, component: str, index: int, deployment_id: str | None
    ) -> Instance:
        return find_instance(find_app(self._apps, app), component, index, deployment_id)
