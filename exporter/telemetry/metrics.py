"""The metrics of one account as records; with ``program_metrics`` the only place of their names.

``docs/metrics.md`` is generated from these records, and the series of an owner are removed by a
loop over them. Series of a component are made when it is discovered and removed when it is gone
(see ``counting/series.py``).
"""

from exporter.telemetry.declarations import IDENTITY, DeclaredMetrics, counter, gauge, histogram

LOG = (*IDENTITY, "log_type")
DELAY_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)


class Metrics(DeclaredMetrics):
    """The metrics about the apps of one account, its API and the reading of its logs."""

    # Lines and what they say.
    log_lines = counter(
        "digitalocean_app_log_lines_total",
        "Log lines counted, each line of the platform once, in whichever log it was read.",
        LOG,
    )
    log_bytes = counter(
        "digitalocean_app_log_bytes_total",
        "Bytes of the log lines counted, as served: prefix and newline included.",
        LOG,
    )
    log_matches = counter(
        "digitalocean_app_log_matches_total",
        "Log lines that a rule matched; a line counts once per rule.",
        (*LOG, "pattern", "level"),
    )
    error_groups = gauge(
        "digitalocean_app_error_groups",
        "Error groups seen in the last hour; their texts are in the log.",
        IDENTITY,
    )
    new_error_groups = counter(
        "digitalocean_app_new_error_groups_total",
        "Error groups that were never seen before in this component.",
        IDENTITY,
    )
    log_repeated_lines = counter(
        "digitalocean_app_log_repeated_lines_total",
        "Log lines read again and not counted: what the overlap of reads costs.",
        LOG,
    )
    log_gaps = counter(
        "digitalocean_app_log_gaps_total",
        "Times that lines could not be seen, by why: the log moved on further than could be "
        "read back (`window`), containers ended unseen (`restart`), a deployment took over "
        "(`deployment`), an archive could not be read (`archive`).",
        (*LOG, "reason"),
    )
    canary_lines_missing = counter(
        "digitalocean_app_canary_lines_missing_total",
        "Lines that the canary wrote and that never arrived, announced gaps included.",
        IDENTITY,
    )
    canary_lines_announced = counter(
        "digitalocean_app_canary_lines_announced_total",
        "Missing lines of the canary that lie in gaps which log_gaps_total announced.",
        IDENTITY,
    )
    canary_lines_repeated = counter(
        "digitalocean_app_canary_lines_repeated_total",
        "Lines of the canary that were counted more than once.",
        IDENTITY,
    )
    canary_delay = histogram(
        "digitalocean_app_canary_delay_seconds",
        "Time from the writing of a line of the canary until it was counted.",
        IDENTITY,
        DELAY_BUCKETS,
    )
    log_last_line_timestamp = gauge(
        "digitalocean_app_log_last_line_timestamp_seconds",
        "The newest counted line's own time; 0 before the first one.",
        LOG,
    )

    rule_metric_overflow = counter(
        "digitalocean_app_rule_metric_overflow_total",
        "Matches whose label values became `other`, since the metric of a rule has as many "
        "series as it may have; since the exporter started.",
        ("metric",),
    )
    rule_value_errors = counter(
        "digitalocean_app_rule_value_errors_total",
        "Matches that the metric of a rule did not take, since their value is no number, or a "
        "negative one that it cannot take; since the exporter started.",
        ("metric",),
    )

    # Container ends.
    restarts = counter(
        "digitalocean_app_restarts_total",
        "Container ends that the RUN_RESTARTED log newly showed or a line of the platform "
        "reported, each once, by the reason in their last words or else their exit code.",
        (*IDENTITY, "reason"),
    )
    container_exits = counter(
        "digitalocean_app_container_exits_total",
        "Container ends that the platform's own lines report, by exit code, each once.",
        (*IDENTITY, "exit_code"),
    )
    last_restart_timestamp = gauge(
        "digitalocean_app_last_restart_timestamp_seconds",
        "When the newest counted container end happened; 0 before the first.",
        IDENTITY,
    )
    instance_restarts = gauge(
        "digitalocean_app_instance_restarts",
        "The platform's own restart count of an instance, by its stable alias.",
        (*IDENTITY, "component_instance"),
    )

    # What the platform says of apps, components and deployments.
    spec_info = gauge(
        "digitalocean_app_spec_info",
        "Always 1; an app that is watched, with its id, region and tier.",
        ("app", "app_id", "app_region", "tier"),
    )
    component_info = gauge(
        "digitalocean_app_component_info",
        "Always 1; a component that is watched, with its kind and instance size.",
        (*IDENTITY, "component_kind", "instance_size"),
    )
    component_dormant = gauge(
        "digitalocean_app_component_dormant",
        "1 while a component is without instances on purpose, else 0; only of components that may "
        "be, with the reason: archived, maintenance, not_deployed (the app never was), "
        "inactivity_sleep or autoscaling.",
        (*IDENTITY, "reason"),
    )
    component_replicas_desired = gauge(
        "digitalocean_app_component_replicas_desired",
        "Instances that the platform wants for a component, from its health.",
        IDENTITY,
    )
    component_replicas_ready = gauge(
        "digitalocean_app_component_replicas_ready",
        "Instances of a component that are ready, from its health.",
        IDENTITY,
    )
    component_healthy = gauge(
        "digitalocean_app_component_healthy",
        "1 if the platform calls the component healthy, 0 if unhealthy; absent if unknown.",
        IDENTITY,
    )
    component_cpu_usage = gauge(
        "digitalocean_app_component_cpu_usage_ratio",
        "CPU in use by a component, 0 to 1, from its health.",
        IDENTITY,
    )
    component_memory_usage = gauge(
        "digitalocean_app_component_memory_usage_ratio",
        "Memory in use by a component, 0 to 1, from its health.",
        IDENTITY,
    )
    deployments = counter(
        "digitalocean_app_deployments_total",
        "Deployments that were seen to reach a final phase, by what caused them.",
        ("app", "phase", "cause"),
    )
    deployment_info = gauge(
        "digitalocean_app_deployment_info",
        "Always 1; the active and the newest deployment of an app, with their phase.",
        ("app", "deployment_id", "phase"),
    )
    deployment_timestamp = gauge(
        "digitalocean_app_deployment_timestamp_seconds",
        "When the active deployment of an app became active.",
        ("app",),
    )
    deployment_duration = gauge(
        "digitalocean_app_deployment_duration_seconds",
        "How long a step of the newest deployment took that has finished; absent before one has.",
        ("app", "step"),
    )
    deployment_failures = counter(
        "digitalocean_app_deployment_failures_total",
        "Deployments that ended in phase ERROR, by the step that failed and the platform's "
        "word for why.",
        ("app", "step", "reason"),
    )

    # Jobs, and what the platform does by itself.
    job_invocations = counter(
        "digitalocean_app_job_invocations_total",
        "Runs of a scheduled job that ended, by how and by what started them.",
        (*IDENTITY, "phase", "trigger"),
    )
    job_running = gauge(
        "digitalocean_app_job_running",
        "Runs of a scheduled job that are under way.",
        IDENTITY,
    )
    job_running_since = gauge(
        "digitalocean_app_job_running_start_timestamp_seconds",
        "When the oldest run of a scheduled job began that is under way; 0 if none is.",
        IDENTITY,
    )
    job_duration = gauge(
        "digitalocean_app_job_invocation_duration_seconds",
        "How long the latest run of a scheduled job took that ended; absent before the first.",
        IDENTITY,
    )
    job_last_invocation = gauge(
        "digitalocean_app_job_last_invocation_timestamp_seconds",
        "When the latest run of a scheduled job began; 0 before the first.",
        IDENTITY,
    )
    job_last_success = gauge(
        "digitalocean_app_job_last_success_timestamp_seconds",
        "When the latest run of a scheduled job ended that succeeded; 0 before the first.",
        IDENTITY,
    )
    job_next_run = gauge(
        "digitalocean_app_job_next_run_timestamp_seconds",
        "When the schedule of a job wants its next run; absent where the schedule cannot be read.",
        IDENTITY,
    )
    job_missed_run = gauge(
        "digitalocean_app_job_missed_run_timestamp_seconds",
        "When the oldest run of a scheduled job was due that has not begun; 0 if none is missing.",
        IDENTITY,
    )
    job_timeout = gauge(
        "digitalocean_app_job_timeout_seconds",
        "How long the platform lets a run of a scheduled job take.",
        IDENTITY,
    )
    autoscaling_events = counter(
        "digitalocean_app_autoscaling_events_total",
        "Times that the platform changed the number of a component's instances; with "
        "collectors.events only.",
        (*IDENTITY, "direction", "trigger"),
    )
    bandwidth = gauge(
        "digitalocean_app_bandwidth_bytes",
        "Bytes that an app sent on the last full day; with collectors.bandwidth only.",
        ("app",),
    )

    # What is watched.
    discovery_components = gauge(
        "digitalocean_app_discovery_components",
        "Components that are watched; 0 before the first discovery, or if nothing is selected.",
    )
    discovery_unmatched_includes = gauge(
        "digitalocean_app_discovery_unmatched_includes",
        "Patterns of discovery.include that match no app and no component; named in the log.",
    )

    # The API.
    api_errors = gauge(
        "digitalocean_app_api_errors",
        "Targets whose latest request to the API or to a log host failed with this error.",
        ("endpoint", "error"),
    )
    api_requests = counter(
        "digitalocean_app_api_requests_total",
        "Requests sent to the API and to log hosts, failed ones too.",
        ("endpoint",),
    )
    api_request_errors = counter(
        "digitalocean_app_api_request_errors_total",
        "Requests to the API and to log hosts that failed, by error.",
        ("endpoint", "error"),
    )
    api_request_duration = histogram(
        "digitalocean_app_api_request_duration_seconds",
        "How long a request took until its answer was read or it failed.",
        ("endpoint",),
    )
    api_throttled = counter(
        "digitalocean_app_api_throttled_seconds_total",
        "Time that requests waited for the request budget or for a pause the API asked for.",
    )
    api_ratelimit_limit = gauge(
        "digitalocean_app_api_ratelimit_limit",
        "Requests an hour that the API grants the token, as it last said.",
    )
    api_ratelimit_remaining = gauge(
        "digitalocean_app_api_ratelimit_remaining",
        "Requests that the token has left in the running hour, as the API last said.",
    )
    api_ratelimit_reset = gauge(
        "digitalocean_app_api_ratelimit_reset_timestamp_seconds",
        "When the oldest request of the running hour expires, as the API last said.",
    )

    # Reading.
    plain_get_reads = counter(
        "digitalocean_app_log_plain_get_reads_total",
        "Live logs that were read by plain GET, since their host refused a WebSocket.",
    )
    source_up = gauge(
        "digitalocean_app_source_up",
        "1 if the latest read of this log worked, 0 if it failed or none was made yet.",
        LOG,
    )
    source_last_success = gauge(
        "digitalocean_app_source_last_success_timestamp_seconds",
        "When this log was last read whole; 0 before the first time.",
        LOG,
    )
    interval_stretch = gauge(
        "digitalocean_app_exporter_interval_stretch_ratio",
        "How many times longer than configured intervals are, so that requests fit into the "
        "budget; 1 where they do.",
    )
    source_interval = gauge(
        "digitalocean_app_source_interval_seconds",
        "The interval at which this log is read.",
        LOG,
    )
    stream_connected = gauge(
        "digitalocean_app_stream_connected",
        "1 while the RUN log of a component is followed over a live stream, 0 while it is "
        "not; only where logs are followed.",
        IDENTITY,
    )
    stream_reconnects = counter(
        "digitalocean_app_stream_reconnects_total",
        "Streams of a component's RUN log that were opened after one that had ended; only "
        "where logs are followed.",
        IDENTITY,
    )
    receiving = gauge(
        "digitalocean_app_receiving",
        "1 while the RUN lines of a component are pushed, 0 while they are polled since nothing "
        "came; of components that are to be received only.",
        IDENTITY,
    )

    # The exporter itself.
    state_up = gauge(
        "digitalocean_app_exporter_state_up",
        "1 if counts and cursors could be kept when they last changed, 0 if not; always 1 "
        "for state in memory.",
    )
    state_errors = counter(
        "digitalocean_app_exporter_state_errors_total",
        "Times that counts and cursors could not be kept; they are tried again.",
    )
    state_rollbacks = counter(
        "digitalocean_app_exporter_state_rollbacks_total",
        "Times that the database was found to hold less than had been saved there; everything was "
        "saved again.",
    )
    internal_errors = counter(
        "digitalocean_app_exporter_internal_errors_total",
        "Errors that the exporter does not foresee, by the subsystem that continued after one: "
        "bugs, each said in its log.",
        ("subsystem",),
    )
