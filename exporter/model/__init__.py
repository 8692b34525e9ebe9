"""The values that travel through the program; no behaviour beyond what a value says of itself.

Times are Unix seconds (``float``) where the API gives them, and Unix nanoseconds (``int``)
where a log line does, since two lines may differ in nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.model.apps import (
        FINAL_PHASES,
        UNKNOWN_REASON,
        App,
        Component,
        ComponentHealth,
        ComponentKey,
        ComponentKind,
        Deployment,
        DeploymentStage,
        DeploymentStep,
        Instance,
        InstanceRestarts,
        Quiet,
    )
    from exporter.model.events import AutoscalingEvent, Scaling, ScalingTrigger
    from exporter.model.jobs import (
        DEFAULT_JOB_TIMEOUT,
        Invocation,
        InvocationPhase,
        JobKind,
        JobSpec,
        Trigger,
    )
    from exporter.model.logs import (
        LIVE_PART,
        RUN_TIME_LOGS,
        GapReason,
        LogChunk,
        LogLine,
        LogLocations,
        LogType,
        RestartReason,
        Source,
        WrappedMessage,
    )
    from exporter.model.notifications import Notification, NotifyEvent
    from exporter.model.requests import Endpoint, Params
    from exporter.model.rules import (
        ERRORS,
        HARMLESS,
        FieldCondition,
        Level,
        MetricType,
        Rule,
        RuleMetric,
        RuleTests,
        Severity,
    )
    from exporter.model.status import (
        ApiFailure,
        BudgetStatus,
        ComponentStatus,
        Crash,
        ErrorGroup,
        ErrorLine,
        JobRun,
        JobStatus,
        Minutes,
        ReplicaStatus,
        ShareStatus,
        SourceStatus,
    )
    from exporter.model.tuning import RuleTuning

__all__ = [
    "DEFAULT_JOB_TIMEOUT",
    "ERRORS",
    "FINAL_PHASES",
    "HARMLESS",
    "LIVE_PART",
    "RUN_TIME_LOGS",
    "UNKNOWN_REASON",
    "ApiFailure",
    "App",
    "AutoscalingEvent",
    "BudgetStatus",
    "Component",
    "ComponentHealth",
    "ComponentKey",
    "ComponentKind",
    "ComponentStatus",
    "Crash",
    "Deployment",
    "DeploymentStage",
    "DeploymentStep",
    "Endpoint",
    "ErrorGroup",
    "ErrorLine",
    "FieldCondition",
    "GapReason",
    "Instance",
    "InstanceRestarts",
    "Invocation",
    "InvocationPhase",
    "JobKind",
    "JobRun",
    "JobSpec",
    "JobStatus",
    "Level",
    "LogChunk",
    "LogLine",
    "LogLocations",
    "LogType",
    "MetricType",
    "Minutes",
    "Notification",
    "NotifyEvent",
    "Params",
    "Quiet",
    "ReplicaStatus",
    "RestartReason",
    "Rule",
    "RuleMetric",
    "RuleTests",
    "RuleTuning",
    "Scaling",
    "ScalingTrigger",
    "Severity",
    "ShareStatus",
    "Source",
    "SourceStatus",
    "Trigger",
    "WrappedMessage",
]

_MODULES = (
    "rules",
    "requests",
    "logs",
    "tuning",
    "apps",
    "events",
    "jobs",
    "notifications",
    "status",
)
"""Where the names stand; those that every command needs first."""


def __getattr__(name: str) -> object:
    """Load what defines a name when that is first asked for: ``match`` needs few of the values."""
    if name in __all__:
        for module in _MODULES:
            defined = vars(import_module(f"{__name__}.{module}"))
            if name in defined:
                globals()[name] = defined[name]
                return defined[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
