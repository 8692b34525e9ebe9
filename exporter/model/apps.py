"""What there is on the platform: apps with their components, deployments, instances."""

from dataclasses import dataclass
from enum import StrEnum

from exporter.model.jobs import JobKind, JobSpec


class ComponentKind(StrEnum):
    """The kinds of component that have run-time logs."""

    SERVICE = "service"
    WORKER = "worker"
    JOB = "job"


class Quiet(StrEnum):
    """Why a component may be silent or without instances on purpose: the label ``reason``."""

    ARCHIVED = "archived"
    MAINTENANCE = "maintenance"
    NOT_DEPLOYED = "not_deployed"
    INACTIVITY_SLEEP = "inactivity_sleep"
    AUTOSCALING = "autoscaling"


UNKNOWN_REASON = "unknown"
"""Why a step of a deployment failed, where the platform does not say."""


class DeploymentStage(StrEnum):
    """The two parts of a deployment: the value of the label ``step``."""

    BUILD = "build"
    DEPLOY = "deploy"


FINAL_PHASES = frozenset({"ACTIVE", "SUPERSEDED", "ERROR", "CANCELED"})
"""The phases in which a deployment has finished (API: ``deployment.phase``)."""


ROLL_OUT_PHASES = frozenset({"PENDING_DEPLOY", "DEPLOYING"})
"""The phases of a deployment in which it may become active within seconds."""


@dataclass(frozen=True, slots=True)
class DeploymentStep:
    """One part of a deployment as the platform tells it; times are Unix seconds.

    ``failed`` with the platform's own word for why in ``reason``, which may be empty, and what it
    says to people in ``message``, of the component that it names.
    """

    stage: DeploymentStage
    started_at: float | None = None
    ended_at: float | None = None
    failed: bool = False
    reason: str = ""
    message: str = ""
    component: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of an app.

    Attributes:
        phase_changed_at: when it entered its phase, Unix seconds.
        cause: the type of its cause in lower case; empty if the platform does not say.
        timing: seconds that stages took, as the platform sums them up.
    """

    id: str
    phase: str
    created_at: float | None = None
    phase_changed_at: float | None = None
    steps: tuple[DeploymentStep, ...] = ()
    cause: str = ""
    timing: tuple[tuple[DeploymentStage, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """One service, worker or job of an app.

    Args:
        instance_count: None where the spec is silent, or the platform scales it by load.
        job: when it runs; None of what is no job, or a job of which the spec does not say.
        quiet: why it may be silent or without instances; None if that is never on purpose.
    """

    name: str
    kind: ComponentKind
    instance_size: str = ""
    instance_count: int | None = None
    job: JobSpec | None = None
    quiet: Quiet | None = None

    @property
    def scheduled(self) -> bool:
        """Whether it runs by a schedule, so that each of its runs has a log of its own."""
        return self.job is not None and self.job.kind is JobKind.SCHEDULED


@dataclass(frozen=True, slots=True)
class App:
    """One app with the components that have run-time logs, and its deployments by role.

    ``under_way``: those that are on their way to become active.
    """

    id: str
    name: str
    region: str = ""
    tier: str = ""
    components: tuple[Component, ...] = ()
    active_deployment: Deployment | None = None
    newest_deployment: Deployment | None = None
    under_way: tuple[Deployment, ...] = ()

    @property
    def rolls_out(self) -> bool:
        """Whether containers of another deployment are about to take over from the active ones."""
        return any(each.phase in ROLL_OUT_PHASES for each in self.under_way)


@dataclass(frozen=True, slots=True)
class ComponentKey:
    """The identity of a component in every metric: its app's name and its own."""

    app: str
    component: str

    def __str__(self) -> str:
        return f"{self.app}/{self.component}"

    @property
    def parts(self) -> tuple[str, str]:
        """App and component, in the order of the labels."""
        return self.app, self.component


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """The platform's view of one component; ratios are 0 to 1, None where it says nothing."""

    component: str
    healthy: bool | None
    replicas_desired: int | None
    replicas_ready: int | None
    cpu_usage_ratio: float | None
    memory_usage_ratio: float | None

    @property
    def is_down(self) -> bool:
        """Whether it is unhealthy, or none of the instances that are wanted is ready."""
        wanted = self.replicas_desired != 0
        return wanted and (self.healthy is False or self.replicas_ready == 0)


@dataclass(frozen=True, slots=True)
class Instance:
    """One running instance: ``alias`` is stable (``web-0``), ``name`` is not."""

    component: str
    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class InstanceRestarts:
    """The platform's own restart count of one instance, by its stable alias."""

    component: str
    component_instance: str
    count: float
