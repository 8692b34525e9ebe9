"""The values that travel through the program; no behaviour beyond what a value says of itself.

Times are Unix seconds (``float``) where the API gives them, and Unix nanoseconds (``int``)
where a log line does, since two lines may differ in nothing else.
"""

from exporter.model.apps import (
    FINAL_PHASES,
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
    ErrorKind,
    Minutes,
    SourceStatus,
)

__all__ = [
    "ERRORS",
    "FINAL_PHASES",
    "HARMLESS",
    "LIVE_PART",
    "RUN_TIME_LOGS",
    "ApiFailure",
    "App",
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
    "ErrorKind",
    "FieldCondition",
    "GapReason",
    "Instance",
    "InstanceRestarts",
    "Level",
    "LogChunk",
    "LogLine",
    "LogLocations",
    "LogType",
    "MetricType",
    "Minutes",
    "Params",
    "RestartReason",
    "Rule",
    "RuleMetric",
    "RuleTests",
    "Severity",
    "Source",
    "SourceStatus",
    "WrappedMessage",
]
