"""One component in full: what it wrote, how it ended, what the platform says of it."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import dashboard as model

from dashboards.annotations import add_events
from dashboards.panels import (
    bars,
    graph,
    labels_listing,
    new_dashboard,
    number,
    target,
    value_names,
)
from dashboards.queries import (
    grown,
    increase_at_end,
    increase_per_step,
    occurring,
    rate,
    recorded,
    select,
    shown,
)

COMPONENT = "{{account}} {{app}}/{{component}}"
BY = "by (account, app, component)"
ERRORS = "app_component:digitalocean_app_log_matches_error:increase10m"
USUAL = "app_component:digitalocean_app_log_matches_error:usual10m"
AS_BARS = [
    model.DynamicConfigValue(id_val="custom.drawStyle", value="bars"),
    model.DynamicConfigValue(id_val="custom.axisPlacement", value="right"),
    model.DynamicConfigValue(id_val="custom.fillOpacity", value=80),
    model.DynamicConfigValue(id_val="unit", value="short"),
]
"""Events beside a share: bars on an axis of their own."""


def build() -> dashboards.Dashboard:
    """The dashboard that alerts on a component lead to."""
    board = new_dashboard(
        "Component", "One component in full: logs, restarts, health, deployments."
    )
    board.with_row(dashboards.Row("State"))
    _add_state(board)
    board.with_row(dashboards.Row("Logs"))
    _add_logs(board)
    board.with_row(dashboards.Row("Restarts and resources"))
    _add_resources(board)
    board.with_row(dashboards.Row("Jobs and bandwidth"))
    _add_jobs(board)
    board.with_row(dashboards.Row("Deployments"))
    _add_deployments(board)
    return add_events(board)


def _add_state(board: dashboards.Dashboard) -> None:
    newest = select("digitalocean_app_log_last_line_timestamp_seconds", 'log_type="RUN"')
    restart = select("digitalocean_app_last_restart_timestamp_seconds")
    healthy = number(
        "Healthy",
        "Whether App Platform calls every chosen component healthy.",
        "short",
        f"min({select('digitalocean_app_component_healthy')})",
        width=9,
    )
    board.with_panel(healthy.mappings(value_names("No", "red", "Yes", "green")))
    for title, description, unit, expr in (
        (
            "Newest line",
            "How old the newest line of any chosen component is.",
            "s",
            f"time() - max({newest} > 0)",
        ),
        (
            "Last restart",
            "How long ago a container last ended; nothing where none was seen.",
            "s",
            f"time() - max({restart} > 0)",
        ),
        (
            "Logs read",
            "Share of the logs whose latest read worked.",
            "percentunit",
            f"avg({shown('digitalocean_app_source_up')})",
        ),
    ):
        board.with_panel(number(title, description, unit, expr, width=5))


def _add_logs(board: dashboards.Dashboard) -> None:
    matches = "digitalocean_app_log_matches_total"
    board.with_panel(
        graph(
            "Log lines",
            "Log lines a second, each counted once.",
            "cps",
            target(f"sum {BY} ({rate('digitalocean_app_log_lines_total')})", COMPONENT),
        )
    )
    board.with_panel(
        graph(
            "Log bytes",
            "Bytes of log a second.",
            "Bps",
            target(f"sum {BY} ({rate('digitalocean_app_log_bytes_total')})", COMPONENT),
        )
    )
    board.with_panel(
        graph(
            "Matches by rule",
            "Lines a second that each rule matched; rules that matched nothing are left out.",
            "cps",
            target(
                occurring(
                    f"sum by (pattern, level) ({rate(matches)})",
                    f"sum by (pattern, level) ({increase_at_end(matches)})",
                ),
                "{{pattern}} ({{level}})",
            ),
        )
    )
    board.with_panel(
        graph(
            "Errors and their usual",
            "Lines in ten minutes that a rule of level error or critical matched, and what is "
            "usual at this time: the median of the last day, or around this time yesterday where "
            "that is higher. From the recording rules of the alerts; below five, five count as "
            "usual there.",
            "short",
            target(f"max {BY} ({recorded(ERRORS)})", COMPONENT),
            target(f"max {BY} ({recorded(USUAL)})", f"{COMPONENT} usual"),
        )
    )
    board.with_panel(
        graph(
            "Error groups",
            "Error groups seen in the last hour, and those that were never seen before.",
            "short",
            target(f"max {BY} ({select('digitalocean_app_error_groups')})", COMPONENT),
            target(
                f"max {BY} ({increase_per_step('digitalocean_app_new_error_groups_total')})",
                f"{COMPONENT} new",
            ),
        )
    )


def _add_resources(board: dashboards.Dashboard) -> None:
    board.with_panel(
        bars(
            "Restarts by reason",
            "Container ends, by what their last words say.",
            f"sum by (reason) ({increase_per_step('digitalocean_app_restarts_total')}) > 0",
            "{{reason}}",
            width=8,
        )
    )
    board.with_panel(
        bars(
            "Exits by code",
            "Container ends that lines of App Platform report, by exit code: 137 is a kill, mostly "
            "for want of memory; each deployment ends containers with 143.",
            f"sum by (exit_code) ({increase_per_step('digitalocean_app_container_exits_total')})"
            " > 0",
            "{{exit_code}}",
            width=8,
        )
    )
    board.with_panel(
        graph(
            "Restarts by instance",
            "App Platform's own restart count of each instance.",
            "short",
            target(
                "max by (account, app, component, component_instance) "
                f"({select('digitalocean_app_instance_restarts')})",
                f"{COMPONENT} {{{{component_instance}}}}",
            ),
            width=8,
        )
    )
    memory = select("digitalocean_app_component_memory_usage_ratio")
    restarts = increase_per_step("digitalocean_app_restarts_total")
    board.with_panel(
        graph(
            "Memory against restarts",
            "Memory in use, as a share of what the component has, and the ends of its containers: "
            "a rise that each restart ends is a leak.",
            "percentunit",
            target(f"max {BY} ({memory})", COMPONENT),
            target(f"sum {BY} ({restarts}) > 0", f"{COMPONENT} restarts"),
            width=8,
        ).override_by_query("B", AS_BARS)
    )
    cpu = select("digitalocean_app_component_cpu_usage_ratio")
    board.with_panel(
        graph(
            "CPU",
            "CPU in use, as a share of what the component has.",
            "percentunit",
            target(f"max {BY} ({cpu})", COMPONENT),
            width=8,
        )
    )
    board.with_panel(
        graph(
            "Instances",
            "Instances that are ready, and that App Platform wants.",
            "short",
            target(
                f"max {BY} ({select('digitalocean_app_component_replicas_ready')})",
                f"{COMPONENT} ready",
            ),
            target(
                f"max {BY} ({select('digitalocean_app_component_replicas_desired')})",
                f"{COMPONENT} wanted",
            ),
            width=8,
        )
    )


def _add_jobs(board: dashboards.Dashboard) -> None:
    ended = increase_per_step("digitalocean_app_job_invocations_total")
    board.with_panel(
        bars(
            "Job runs",
            "Runs of scheduled jobs that ended, by how.",
            f"sum by (account, app, component, phase) ({ended}) > 0",
            f"{COMPONENT} {{{{phase}}}}",
            width=8,
        )
    )
    limit = select("digitalocean_app_job_timeout_seconds")
    duration = select("digitalocean_app_job_invocation_duration_seconds")
    running = select("digitalocean_app_job_running_start_timestamp_seconds")
    board.with_panel(
        graph(
            "Jobs: duration",
            "How long the latest run of a scheduled job took, for how long one runs now, and the "
            "time limit.",
            "s",
            target(f"max {BY} ({duration})", COMPONENT),
            target(f"time() - max {BY} ({running} > 0)", f"{COMPONENT} running"),
            target(f"max {BY} ({limit})", f"{COMPONENT} limit"),
            width=8,
        )
    )
    last = select("digitalocean_app_job_last_invocation_timestamp_seconds")
    success = select("digitalocean_app_job_last_success_timestamp_seconds")
    missed = select("digitalocean_app_job_missed_run_timestamp_seconds")
    due = select("digitalocean_app_job_next_run_timestamp_seconds")
    board.with_panel(
        graph(
            "Jobs: last and next run",
            "How long ago the latest run of a scheduled job began, and the latest success ended; "
            "in how long the schedule wants the next, and for how long one is missing.",
            "s",
            target(f"time() - max {BY} ({last} > 0)", f"{COMPONENT} last"),
            target(f"time() - max {BY} ({success} > 0)", f"{COMPONENT} success"),
            target(f"max {BY} ({due}) - time()", f"{COMPONENT} next"),
            target(f"time() - max {BY} ({missed} > 0)", f"{COMPONENT} missing"),
            width=8,
        )
    )
    sent = select("digitalocean_app_bandwidth_bytes")
    board.with_panel(
        graph(
            "Bandwidth",
            "What each app sent on the last full day; nothing where collectors.bandwidth is off.",
            "bytes",
            target(f"max by (account, app) ({sent})", "{{account}} {{app}}"),
            width=24,
        )
    )


def _add_deployments(board: dashboards.Dashboard) -> None:
    ended = increase_per_step("digitalocean_app_deployments_total")
    shown = select("digitalocean_app_deployment_info")
    board.with_panel(
        bars(
            "Deployments",
            "Deployments that reached a final phase.",
            f"sum by (account, app, phase) ({ended}) > 0",
            "{{account}} {{app}} {{phase}}",
            width=8,
        )
    )
    failed = increase_per_step("digitalocean_app_deployments_total", 'phase="ERROR"')
    why = grown("digitalocean_app_deployment_failures_total", "by (account, app, step, reason)")
    # A reason that is new has no series at 0; after a pause of the exporter all look new.
    board.with_panel(
        bars(
            "Failed deployments",
            "Deployments that ended in phase ERROR, by the step that failed and why.",
            f"({why} > 0) and on (account, app) (sum by (account, app) ({failed}) > 0)",
            "{{account}} {{app}} {{step}}: {{reason}}",
            width=8,
        )
    )
    duration = select("digitalocean_app_deployment_duration_seconds")
    board.with_panel(
        graph(
            "Duration of deployments",
            "How long the steps of the newest deployment took that came to rest.",
            "s",
            target(f"max by (account, app, step) ({duration})", "{{account}} {{app}} {{step}}"),
            width=8,
        )
    )
    board.with_panel(
        labels_listing(
            "Active and newest deployment",
            "The deployments that each chosen app has now, with their phase.",
            f"max by (account, app, deployment_id, phase) ({shown})",
        )
    )
