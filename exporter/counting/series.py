"""Which series exist: those of a component, at 0, from its discovery until it is gone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.counting.component import Components, WatchedComponent
from exporter.counting.deployment_causes import CAUSES, OTHER_CAUSE
from exporter.counting.ledger import Ledger
from exporter.counting.rule_metrics import RuleMetrics
from exporter.logs.platform_lines import TYPICAL_EXIT_CODES
from exporter.matching.packs import CANARY_RULE
from exporter.matching.selection import applies
from exporter.model import (
    FINAL_PHASES,
    RUN_TIME_LOGS,
    UNKNOWN_REASON,
    App,
    Component,
    ComponentKey,
    ComponentKind,
    DeploymentStage,
    GapReason,
    InvocationPhase,
    LogType,
    RestartReason,
    Rule,
    ScalingTrigger,
    Trigger,
)
from exporter.telemetry.declarations import Owner
from exporter.telemetry.histogram import Histogram
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import Counter, Family, Gauge

RUN_TIME = LogType.RUN
"""``log_type`` on metrics about run-time lines: which of their two logs showed one is chance."""

_SCALING = (("up", ScalingTrigger.SCALE_TO_ZERO), ("down", ScalingTrigger.SCALE_FROM_ZERO))
"""Each direction of autoscaling, with the trigger that cannot lead there."""

_Begun = tuple[Counter | Gauge | Histogram, tuple[str, ...], str]
"""A series: its metric, the values of its labels, and what is counted in it."""


@dataclass(frozen=True, slots=True)
class SeriesSettings:
    """Which series a component has, by the configuration.

    Args:
        log_types: the logs that are read.
        followed: whether RUN is followed over live streams.
        jobs: whether the runs of scheduled jobs are observed.
        events: whether autoscaling events are.
    """

    log_types: Sequence[LogType]
    followed: bool = False
    jobs: bool = False
    events: bool = False


class Series:
    """Opens and closes apps and components, and makes and removes their series with that.

    Args:
        rules: the rules in force; a component has a series of each that applies to it.
        rule_metrics: the metrics that rules feed; their series come and go with the others.
    """

    def __init__(
        self,
        metrics: Metrics,
        ledger: Ledger,
        components: Components,
        rules: Sequence[Rule],
        rule_metrics: RuleMetrics,
        settings: SeriesSettings,
    ) -> None:
        self.metrics = self._metrics = metrics
        self.ledger = self._ledger = ledger
        self.components = components
        self.rules = rules
        self.rule_metrics = rule_metrics
        self._settings = settings
        self._replaced = False  # by the series of another configuration
        self._about_lines: tuple[Counter | Gauge, ...] = (
            metrics.log_lines,
            metrics.log_bytes,
            metrics.log_repeated_lines,
            metrics.log_last_line_timestamp,
        )
        self._of_jobs = (
            metrics.job_running,
            metrics.job_running_since,
            metrics.job_duration,
            metrics.job_next_run,
            metrics.job_missed_run,
            metrics.job_timeout,
        )

    def replace(self, before: "Series") -> None:
        """Apply another configuration to what is open; ``before`` counts nothing any more.

        Nor does it open or close anything. What both make stays as it is; what only ``before``
        made is removed.
        """
        before.rule_metrics.withdraw()
        self.rule_metrics.publish()
        before._replaced = True
        for component in self.components:
            component.reconfigure()
            key = component.key
            theirs, ours = before._chosen(component), self._chosen(component)
            for metric, labels, meaning in (series for series in theirs if series not in ours):
                if isinstance(metric, Histogram):
                    metric.remove(*labels)
                else:
                    self._ledger.withdraw(metric, labels, meaning)
            for metric, labels, meaning in (series for series in ours if series not in theirs):
                self._begin(metric, labels, meaning)
            self.rule_metrics.open(key)
        if not self._settings.jobs:
            for gauge in self._of_jobs:
                gauge.clear()

    def watched(self, key: ComponentKey) -> WatchedComponent | None:
        """Return a component that may be counted for.

        None if it is not watched, or if another configuration is in force by now.
        """
        return None if self._replaced else self.components.get(key)

    def is_open(self, key: ComponentKey) -> bool:
        """Whether the component is watched; nothing may be counted for one that is not."""
        return self.watched(key) is not None

    def open_component(self, key: ComponentKey, component: Component) -> None:
        """Make every series of a component; update the description of one that changed.

        Counters begin at 0, or where they stood when the component was last seen.
        """
        present = self.components.get(key)
        before = None if present is None else present.spec
        if before == component or self._replaced:
            return
        metrics, identity = self._metrics, key.parts
        if before is not None and self.log_types_of(before) != self.log_types_of(component):
            self.close_component(key)  # other logs are read of it now
            before = None
        watched = self.components.open(key, component)
        if before is not None:
            metrics.component_info.remove_by_labels(_identity(key))
        metrics.component_info.labels(*identity, component.kind, component.instance_size).set(1)
        if before is not None:
            return
        self._ledger.open(*identity)
        chosen_series = self._chosen(watched)
        for metric, labels, meaning in chosen_series:
            self._begin(metric, labels, meaning)
        self.rule_metrics.open(key)
        self._begin(metrics.new_error_groups, identity)
        metrics.error_groups.labels(*identity)
        for reason in RestartReason:
            self._begin(metrics.restarts, (*identity, reason))
        typical = {(*identity, str(code)) for code in TYPICAL_EXIT_CODES}
        known = self._ledger.known(metrics.container_exits)
        for labels in typical.union(labels for labels in known if labels[:2] == identity):
            self._begin(metrics.container_exits, labels)
        self._begin(metrics.last_restart_timestamp, identity)
        # Metrics whose labels no list foresees.
        for metric in (metrics.job_invocations, metrics.autoscaling_events):
            begun = {labels for chosen, labels, _ in chosen_series if chosen is metric}
            for labels in self._ledger.known(metric):
                if begun and labels[:2] == identity and labels not in begun:
                    self._begin(metric, labels)
        if self.observes(component) and self._ledger.value(metrics.job_duration, identity):
            self._begin(metrics.job_duration, identity)

    def _chosen(self, component: WatchedComponent) -> "dict[_Begun, None]":
        """The series of a component that depend on the configuration, in order."""
        key, spec = component.key, component.spec
        metrics, identity = self._metrics, key.parts
        series: list[_Begun] = []
        log_types = self.log_types_of(spec)
        for log_type in dict.fromkeys(map(line_log_type, log_types)):
            series += [(family, (*identity, log_type), "") for family in self._about_lines]
            series += [(metrics.log_gaps, (*identity, log_type, why), "") for why in GapReason]
            series += [
                (metrics.log_matches, (*identity, log_type, rule.name, rule.level), rule.meaning)
                for rule in self.rules
                if applies(rule, key)
            ]
        if any(rule.name == CANARY_RULE and applies(rule, key) for rule in self.rules):
            series += [
                (metrics.canary_lines_missing, identity, ""),
                (metrics.canary_lines_announced, identity, ""),
                (metrics.canary_lines_repeated, identity, ""),
                (metrics.canary_delay, identity, ""),
            ]
        for log_type in log_types:
            if log_type is LogType.JOB_INVOCATION:
                continue  # one log for each run: none that is up or down
            read = [metrics.source_up, metrics.source_last_success]
            if log_type in RUN_TIME_LOGS:
                read.append(metrics.source_interval)
            series += [(gauge, (*identity, log_type), "") for gauge in read]
        if self._settings.followed and LogType.RUN in log_types:
            series.append((metrics.stream_connected, identity, ""))
            series.append((metrics.stream_reconnects, identity, ""))
        if self.observes(spec):
            series += [
                (metrics.job_invocations, (*identity, phase, trigger), "")
                for phase in InvocationPhase
                for trigger in (Trigger.SCHEDULE, Trigger.MANUAL)
            ]
            gauges = (metrics.job_last_invocation, metrics.job_last_success)
            series += [(gauge, identity, "") for gauge in gauges]
        if self._settings.events and spec.kind is not ComponentKind.JOB:
            series += [
                (metrics.autoscaling_events, (*identity, direction, trigger), "")
                for direction, unlikely in _SCALING
                for trigger in ScalingTrigger
                if trigger not in (unlikely, ScalingTrigger.OTHER)
            ]
        return dict.fromkeys(series)

    def observes(self, component: Component) -> bool:
        """Return whether a component is a scheduled job whose runs are read."""
        return self._settings.jobs and component.scheduled

    def log_types_of(self, component: Component) -> tuple[LogType, ...]:
        """The logs that are read of a component: of a scheduled job, those of its runs."""
        if not self.observes(component):
            return tuple(self._settings.log_types)
        log_types = self._settings.log_types
        others = (log_type for log_type in log_types if log_type not in RUN_TIME_LOGS)
        return (*others, LogType.JOB_INVOCATION)

    def is_app_open(self, name: str) -> bool:
        """Whether an app is watched."""
        return not self._replaced and name in self.components.apps

    def advance(self, gauge: Gauge, key: ComponentKey, seconds: float, *labels: str) -> None:
        """Set a time that never goes back: past deployments are read after active ones too."""
        series = (key.app, key.component, *labels)
        if seconds > self._ledger.value(gauge, series):
            self._ledger.put(gauge, series, seconds)

    def close_component(self, key: ComponentKey) -> None:
        """Forget a component that is gone, and remove its series; the ledger keeps its numbers."""
        if self._replaced:
            return
        if self.components.close(key):
            self._ledger.close(*key.parts)
            self.rule_metrics.close(key)
        self._metrics.close(Owner.COMPONENT, *key.parts)

    def open_app(self, app: App) -> None:
        """Describe an app; update the description of one that changed."""
        metrics, described = self._metrics, (app.name, app.id, app.region, app.tier)
        before = self.components.apps.get(app.name)
        if before == described or self._replaced:
            return
        self.components.apps[app.name] = described
        if before is not None:
            metrics.spec_info.remove(*before)
        metrics.spec_info.labels(*described).set(1)
        if before is not None:
            return
        self._ledger.open(app.name)
        reached: set[tuple[str, ...]] = {
            (app.name, phase, cause) for phase in FINAL_PHASES for cause in (*CAUSES, OTHER_CAUSE)
        }
        known = self._ledger.known(metrics.deployments)
        reached.update(labels for labels in known if labels[0] == app.name and len(labels) == 3)
        for labels in sorted(reached):
            self._begin(metrics.deployments, labels)
        failures = {(app.name, stage, UNKNOWN_REASON) for stage in DeploymentStage}
        known = self._ledger.known(metrics.deployment_failures)
        for labels in failures.union(labels for labels in known if labels[0] == app.name):
            self._begin(metrics.deployment_failures, labels)

    def close_app(self, name: str) -> None:
        """Remove every series of an app that is gone; its components go by themselves."""
        if self._replaced:
            return
        if self.components.apps.pop(name, None) is not None:
            self._ledger.close(name)
        self._metrics.close(Owner.APP, name)

    def _begin(
        self, metric: Counter | Gauge | Histogram, labels: tuple[str, ...], meaning: str = ""
    ) -> None:
        """Make a series; it continues from its value in the ledger, except a histogram."""
        if isinstance(metric, Histogram):
            metric.labels(*labels)
        else:
            self._ledger.begin(metric, labels, meaning)


def line_log_type(log_type: LogType) -> LogType:
    """The value of ``log_type`` on metrics about the lines of a log."""
    return RUN_TIME if log_type in RUN_TIME_LOGS else log_type


def remove(labels: dict[str, str], *families: Family[Any]) -> None:
    """Remove from each family the series with these labels."""
    for family in families:
        family.remove_by_labels(labels)


def enabled_rules(rules: Iterable[Rule], key: ComponentKey) -> frozenset[int]:
    """The positions of the rules that apply to a component."""
    return frozenset(position for position, rule in enumerate(rules) if applies(rule, key))


def _identity(key: ComponentKey) -> dict[str, str]:
    return {"app": key.app, "component": key.component}
