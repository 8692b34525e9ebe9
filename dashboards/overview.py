"""The overview: what is broken, and where. Five graphs with five lines each, no more."""

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import dashboard as model

from dashboards import runbooks
from dashboards.annotations import add_events
from dashboards.panels import (
    PAGES,
    bars,
    graph,
    labels_listing,
    listing,
    new_dashboard,
    number,
    target,
    value_names,
)
from dashboards.queries import (
    increase,
    increase_at_end,
    increase_per_step,
    largest,
    rate,
    select,
    shown,
)

BY = "by (account, app, component)"
ERRORS = 'level=~"error|critical"'
CRITICAL = 'level="critical"'
FAILED = 'phase="ERROR"'
NO_DEPLOYMENT = 'reason!="deployment"'
COMPONENT = "{{account}} {{app}}/{{component}}"


def build() -> dashboards.Dashboard:
    """The dashboard with the numbers on top, then the components, then the graphs."""
    board = new_dashboard("Overview", "What is broken, and where: every app at a glance.")
    board.with_row(dashboards.Row("Now"))
    _add_numbers(board)
    board.with_row(dashboards.Row("Where"))
    board.with_panel(_alerts())
    board.with_panel(_components())
    board.with_row(dashboards.Row("Since when"))
    _add_graphs(board)
    return add_events(board)


def _add_numbers(board: dashboards.Dashboard) -> None:
    for title, description, expr in (
        (
            "Unhealthy components",
            "Components that App Platform calls unhealthy now.",
            f"sum({shown('digitalocean_app_component_healthy')} == bool 0)",
        ),
        (
            "Container ends",
            "Containers that ended in the time shown, by their logs or the platform's lines.",
            f"sum({increase('digitalocean_app_restarts_total')})",
        ),
        (
            "Lines of critical rules",
            "Lines that a rule of level critical matched in the time shown.",
            f"sum({increase('digitalocean_app_log_matches_total', CRITICAL)})",
        ),
        (
            "Failed deployments",
            "Deployments that ended in phase ERROR in the time shown.",
            f"sum({increase('digitalocean_app_deployments_total', FAILED)})",
        ),
        (
            "Unreadable logs",
            "Logs whose latest read failed, or that were not read yet: what is missing here.",
            f"sum({shown('digitalocean_app_source_up')} == bool 0)",
        ),
        (
            "Places with lost lines",
            "Times in the time shown that lines were missed: the counts here are too low. The last "
            "seconds before a deployment, which polls cannot see, are not among them.",
            f"sum({increase('digitalocean_app_log_gaps_total', NO_DEPLOYMENT)})",
        ),
    ):
        board.with_panel(number(title, description, "short", expr, bad_from=0.5).decimals(0))


def _alerts() -> table.Panel:
    """The alerts of alerts.yml that fire; most are on apps, so that they have no ``instance``."""
    labels = (
        "severity, alertname, account, app, component, pattern, reason, log_type, endpoint, error"
    )
    panel = labels_listing(
        "Firing alerts",
        "The alerts of this project that fire, where Prometheus has its rules. A name leads to the "
        "runbook.",
        f'max by ({labels}) (ALERTS{{job=~"$job", alertstate="firing", alertname=~"DoApp.*"}})',
    )
    link = {
        "title": "What to do",
        "url": f"{runbooks.FOLDER}/${{__value.raw}}.md",
        "targetBlank": True,
    }
    panel.override_by_name("alertname", [model.DynamicConfigValue(id_val="links", value=[link])])
    panel.override_by_name("component", [_component_link()])
    return panel


def _component_link() -> model.DynamicConfigValue:
    dashboard = {
        "title": "Show this component",
        "url": "/d/do-app-component?${__url_time_range}&var-datasource=${datasource}"
        "&var-app=${__data.fields.app}&var-component=${__data.fields.component}",
    }
    page = {
        "title": "Its last words, at the exporter",
        "url": f"${{{PAGES}}}/components/${{__data.fields.app}}/${{__data.fields.component}}"
        "?account=${__data.fields.account}",
        "targetBlank": True,
    }
    return model.DynamicConfigValue(id_val="links", value=[dashboard, page])


def _components() -> table.Panel:
    panel = listing(
        "Components",
        "Every component as of now; counts are of the time shown. A row leads to its dashboard.",
        (
            ("Healthy", "short", f"max {BY} ({select('digitalocean_app_component_healthy')})"),
            (
                "Ready",
                "short",
                f"max {BY} ({select('digitalocean_app_component_replicas_ready')})",
            ),
            (
                "Wanted",
                "short",
                f"max {BY} ({select('digitalocean_app_component_replicas_desired')})",
            ),
            ("Log lines", "short", f"sum {BY} ({increase('digitalocean_app_log_lines_total')})"),
            (
                "Matches of error rules",
                "short",
                f"sum {BY} ({increase('digitalocean_app_log_matches_total', ERRORS)})",
            ),
            (
                "Container ends",
                "short",
                f"sum {BY} ({increase('digitalocean_app_restarts_total')})",
            ),
            (
                "Last container end",
                "dateTimeFromNow",
                # Grafana takes times in milliseconds.
                f"1000 * (max {BY} "
                f"({select('digitalocean_app_last_restart_timestamp_seconds')}) > 0)",
            ),
        ),
    )
    panel.override_by_name(
        "Healthy",
        [
            model.DynamicConfigValue(
                id_val="mappings", value=value_names("No", "red", "Yes", "green")
            )
        ],
    )
    panel.override_by_name("component", [_component_link()])
    return panel


def _add_graphs(board: dashboards.Dashboard) -> None:
    matches, restarts = "digitalocean_app_log_matches_total", "digitalocean_app_restarts_total"
    lines, memory = (
        "digitalocean_app_log_lines_total",
        "digitalocean_app_component_memory_usage_ratio",
    )
    rules = "by (account, app, component, pattern)"
    reasons = "by (account, app, component, reason)"
    board.with_panel(
        graph(
            "Matches of error rules",
            "Lines a second that rules of level error or critical matched, in the five components "
            "with most of them. A line counts once per rule.",
            "cps",
            target(
                largest(
                    f"sum {BY} ({rate(matches, ERRORS)})",
                    f"sum {BY} ({increase_at_end(matches, ERRORS)})",
                ),
                COMPONENT,
            ),
        )
    )
    board.with_panel(
        graph(
            "Matches by error rule",
            "Lines a second that a rule of level error or critical matched: the five that "
            "matched most.",
            "cps",
            target(
                largest(
                    f"sum {rules} ({rate(matches, ERRORS)})",
                    f"sum {rules} ({increase_at_end(matches, ERRORS)})",
                ),
                f"{COMPONENT} {{{{pattern}}}}",
            ),
        )
    )
    board.with_panel(
        bars(
            "Restarts by reason",
            "Container ends, by what their last words say: the five most frequent.",
            largest(
                f"sum {reasons} ({increase_per_step(restarts)})",
                f"sum {reasons} ({increase_at_end(restarts)} > 0)",
            ),
            f"{COMPONENT} {{{{reason}}}}",
            width=8,
        )
    )
    board.with_panel(
        graph(
            "Log lines",
            "Lines a second in the five components that write most.",
            "cps",
            target(
                largest(f"sum {BY} ({rate(lines)})", f"sum {BY} ({increase_at_end(lines)})"),
                COMPONENT,
            ),
            width=8,
        )
    )
    board.with_panel(
        graph(
            "Memory",
            "Memory in use, in the five components that are closest to their limit.",
            "percentunit",
            target(
                largest(
                    f"max {BY} ({select(memory)})",
                    f"max {BY} (max_over_time({select(memory)}[$__range] @ end()))",
                ),
                COMPONENT,
            ),
            width=8,
        )
    )
