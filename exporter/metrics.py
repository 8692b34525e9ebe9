"""Every metric of the program, declared once; the only place where their names stand.

``docs/metrics.md`` is generated from what is declared here. Series of a component are made when
it is discovered and removed when it is gone (see ``collect/series.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

PREFIX = "digitalocean_app_"
"""How every name here begins, and none that a rule chooses."""

IDENTITY = ("app", "component")
LOG = (*IDENTITY, "log_type")
DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the reference says of a metric."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


class DeclaredMetrics:
    """Metrics on a registry; ``declarations`` lists them in the order of the reference."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._names: dict[MetricWrapperBase, str] = {}
        self._labels: dict[str, tuple[str, ...]] = {}
        self.declarations: list[Declaration] = []

    def register(self, collector: Collector) -> None:
        """Show metrics that are declared elsewhere: those that rules feed."""
        self._registry.register(collector)

    def unregister(self, collector: Collector) -> None:
        """Show them no longer."""
        self._registry.unregister(collector)

    def name(self, metric: MetricWrapperBase) -> str:
        """The full name of one of these metrics."""
        return self._names[metric]

    def labels_of(self, name: str) -> tuple[str, ...]:
        """The label names of a metric, in order; none for a name that is not declared."""
        return self._labels.get(name, ())

    def _counter(self, name: str, text: str, labels: Sequence[str] = ()) -> Counter:
        counter = Counter(name, text, labels, registry=self._registry)
        self._declare(counter, Declaration(name, "counter", tuple(labels), text))
        return counter

    def _gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        gauge = Gauge(name, text, labels, registry=self._registry)
        self._declare(gauge, Declaration(name, "gauge", tuple(labels), text))
        return gauge

    def _histogram(self, name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
        buckets = DURATION_BUCKETS
        histogram = Histogram(name, text, labels, registry=self._registry, buckets=buckets)
        self._declare(histogram, Declaration(name, "histogram", tuple(labels), text))
        return histogram

    def _declare(self, metric: MetricWrapperBase, declaration: Declaration) -> None:
        self.declarations.append(declaration)
        self._names[metric] = declaration.name
        self._labels[declaration.name] = declaration.labels


class Metrics(DeclaredMetrics):
    """The metrics about the apps of one account, its API and the reading of its logs."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)

        # Lines and what they say.
        self.log_lines = self._counter(
            "digitalocean_app_log_lines_total",
            "Log lines counted, each line of the platform once, in whichever log it was read.",
            LOG,
        )
        self.log_bytes = self._counter(
            "digitalocean_app_log_bytes_total",
            "Bytes of the log lines counted, as served: prefix and newline included.",
            LOG,
        )
        self.log_matches = self._counter(
            "digitalocean_app_log_matches_total",
            "Log lines that a rule matched; a line counts once per rule.",
            (*LOG, "pattern", "level"),
        )
        self.error_kinds = self._gauge(
            "digitalocean_app_error_kinds",
            "Kinds of error messages seen in the last hour; their texts are in the log.",
            IDENTITY,
        )
        self.new_error_kinds = self._counter(
            "digitalocean_app_new_error_kinds_total",
            "Kinds of error messages that were never seen before in this component.",
            IDENTITY,
        )
        self.log_repeated_lines = self._counter(
            "digitalocean_app_log_repeated_lines_total",
            "Log lines read again and not counted: what the overlap of reads costs.",
            LOG,
        )
        self.log_gaps = self._counter(
            "digitalocean_app_log_gaps_total",
            "Times that lines could not be seen, by why: the log moved on further than could be "
            "read back (`window`), containers ended unseen (`restart`), a deployment took over "
            "(`deployment`), an archive could not be read (`archive`).",
            (*LOG, "reason"),
        )
        self.log_last_line_timestamp = self._gauge(
            "digitalocean_app_log_last_line_timestamp_seconds",
            "The newest counted line's own time; 0 before the first one.",
            LOG,
        )

        self.series_folded = self._counter(
            "digitalocean_app_series_folded_total",
            "Matches whose label values became `other`, since the metric of a rule has as many "
            "series as it may have; since the exporter started.",
            ("metric",),
        )
        self.values_unreadable = self._counter(
            "digitalocean_app_values_unreadable_total",
            "Matches that the metric of a rule did not take, since their value is no number, or a "
            "negative one that it cannot take; since the exporter started.",
            ("metric",),
        )

        # Container ends.
        self.restarts = self._counter(
            "digitalocean_app_restarts_total",
            "Container ends that the RUN_RESTARTED log newly showed, by the reason in their "
            "last words.",
            (*IDENTITY, "reason"),
        )
        self.last_restart_timestamp = self._gauge(
            "digitalocean_app_last_restart_timestamp_seconds",
            "When the newest container end seen in RUN_RESTARTED happened; 0 before the first.",
            IDENTITY,
        )
        self.instance_restarts = self._gauge(
            "digitalocean_app_instance_restarts",
            "The platform's own restart count of an instance, by its stable alias.",
            (*IDENTITY, "component_instance"),
        )

        # What the platform says of apps, components and deployments.
        self.spec_info = self._gauge(
            "digitalocean_app_spec_info",
            "Always 1; an app that is watched, with its id, region and tier.",
            ("app", "app_id", "app_region", "tier"),
        )
        self.component_info = self._gauge(
            "digitalocean_app_component_info",
            "Always 1; a component that is watched, with its kind and instance size.",
            (*IDENTITY, "component_kind", "instance_size"),
        )
        self.component_replicas_desired = self._gauge(
            "digitalocean_app_component_replicas_desired",
            "Instances that the platform wants for a component, from its health.",
            IDENTITY,
        )
        self.component_replicas_ready = self._gauge(
            "digitalocean_app_component_replicas_ready",
            "Instances of a component that are ready, from its health.",
            IDENTITY,
        )
        self.component_healthy = self._gauge(
            "digitalocean_app_component_healthy",
            "1 if the platform calls the component healthy, 0 if unhealthy; absent if unknown.",
            IDENTITY,
        )
        self.component_cpu_usage = self._gauge(
            "digitalocean_app_component_cpu_usage_ratio",
            "CPU in use by a component, 0 to 1, from its health.",
            IDENTITY,
        )
        self.component_memory_usage = self._gauge(
            "digitalocean_app_component_memory_usage_ratio",
            "Memory in use by a component, 0 to 1, from its health.",
            IDENTITY,
        )
        self.deployments = self._counter(
            "digitalocean_app_deployments_total",
            "Deployments that were seen to reach a final phase.",
            ("app", "phase"),
        )
        self.deployment_info = self._gauge(
            "digitalocean_app_deployment_info",
            "Always 1; the active and the newest deployment of an app, with their phase.",
            ("app", "deployment_id", "phase"),
        )
        self.deployment_timestamp = self._gauge(
            "digitalocean_app_deployment_timestamp_seconds",
            "When the active deployment of an app became active.",
            ("app",),
        )
        self.deployment_duration = self._gauge(
            "digitalocean_app_deployment_duration_seconds",
            "How long a step of the newest deployment took that came to rest; absent before one "
            "did.",
            ("app", "step"),
        )
        self.deployment_failures = self._counter(
            "digitalocean_app_deployment_failures_total",
            "Deployments that ended in phase ERROR, by the step that failed and the platform's "
            "word for why.",
            ("app", "step", "reason"),
        )

        # The API.
        self.api_errors = self._gauge(
            "digitalocean_app_api_errors",
            "Targets whose latest request to the API or to a log host failed with this error.",
            ("endpoint", "error"),
        )
        self.api_requests = self._counter(
            "digitalocean_app_api_requests_total",
            "Requests sent to the API and to log hosts, failed ones too.",
            ("endpoint",),
        )
        self.api_request_errors = self._counter(
            "digitalocean_app_api_request_errors_total",
            "Requests to the API and to log hosts that failed, by error.",
            ("endpoint", "error"),
        )
        self.api_request_duration = self._histogram(
            "digitalocean_app_api_request_duration_seconds",
            "How long a request took until its answer was read or it failed.",
            ("endpoint",),
        )
        self.api_throttled = self._counter(
            "digitalocean_app_api_throttled_seconds_total",
            "Time that requests waited for the request budget or for a pause the API asked for.",
        )
        self.api_ratelimit_limit = self._gauge(
            "digitalocean_app_api_ratelimit_limit",
            "Requests an hour that the API grants the token, as it last said.",
        )
        self.api_ratelimit_remaining = self._gauge(
            "digitalocean_app_api_ratelimit_remaining",
            "Requests that the token has left in the running hour, as the API last said.",
        )
        self.api_ratelimit_reset = self._gauge(
            "digitalocean_app_api_ratelimit_reset_timestamp_seconds",
            "When the oldest request of the running hour expires, as the API last said.",
        )

        # Reading.
        self.plain_get_reads = self._counter(
            "digitalocean_app_log_plain_get_reads_total",
            "Live logs that were read by plain GET, since their host refused a WebSocket.",
        )
        self.source_up = self._gauge(
            "digitalocean_app_source_up",
            "1 if the latest read of this log worked, 0 if it failed or none was made yet.",
            LOG,
        )
        self.source_last_success = self._gauge(
            "digitalocean_app_source_last_success_timestamp_seconds",
            "When this log was last read whole; 0 before the first time.",
            LOG,
        )
        self.interval_stretch = self._gauge(
            "digitalocean_app_exporter_interval_stretch_ratio",
            "How many times longer than configured intervals are, so that requests fit into the "
            "budget; 1 where they do.",
        )
        self.interval_stretch.set(1)
        self.source_interval = self._gauge(
            "digitalocean_app_source_interval_seconds",
            "The interval at which this log is read.",
            LOG,
        )
        self.stream_connected = self._gauge(
            "digitalocean_app_stream_connected",
            "1 while the RUN log of a component is followed over a live stream, 0 while it is "
            "not; with logs.mode follow only.",
            IDENTITY,
        )
        self.stream_reconnects = self._counter(
            "digitalocean_app_stream_reconnects_total",
            "Streams of a component's RUN log that were opened after one that had ended; with "
            "logs.mode follow only.",
            IDENTITY,
        )

        # The exporter itself.
        self.state_up = self._gauge(
            "digitalocean_app_exporter_state_up",
            "1 if counts and cursors could be kept when they last changed, 0 if not; always 1 "
            "for state in memory.",
        )
        self.state_errors = self._counter(
            "digitalocean_app_exporter_state_errors_total",
            "Times that counts and cursors could not be kept; they are tried again.",
        )
        self.internal_errors = self._counter(
            "digitalocean_app_exporter_internal_errors_total",
            "Errors that the exporter does not foresee, by the part of it that went on after one: "
            "bugs, each said in its log.",
            ("part",),
        )


class ExporterMetrics(DeclaredMetrics):
    """The metrics about the program as a whole, whatever it watches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)

        self.build_info = self._gauge(
            "digitalocean_app_exporter_build_info",
            "Always 1; the version of the exporter and of the Python that runs it.",
            ("version", "python_version", "revision"),
        )
        self.config_last_reload_successful = self._gauge(
            "digitalocean_app_exporter_config_last_reload_successful",
            "1 if the latest load of the configuration was good, 0 if it was refused.",
        )
        self.config_last_reload_success_timestamp = self._gauge(
            "digitalocean_app_exporter_config_last_reload_success_timestamp_seconds",
            "When a configuration was last loaded successfully.",
        )


def all_declarations() -> list[Declaration]:
    """What is declared of every metric of the program."""
    registry = CollectorRegistry()
    return [*Metrics(registry).declarations, *ExporterMetrics(registry).declarations]
