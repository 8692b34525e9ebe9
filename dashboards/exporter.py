"""The exporter itself: whether what the other dashboards show is true and in time."""

from grafana_foundation_sdk.builders import dashboard as dashboards

from dashboards.annotations import add_reloads
from dashboards.notifications import add_notifications
from dashboards.panels import (
    graph,
    labels_listing,
    new_dashboard,
    number,
    target,
    value_names,
)
from dashboards.queries import (
    increase,
    increase_at_end,
    occurring,
    rate,
    select,
    shown,
)
from dashboards.reading import add_canary, add_rules, add_sources
from dashboards.receiving import add_receiving
from dashboards.replicas import add_replicas

FOLDED = frozenset({"Receiving", "Canary", "Replicas", "Metrics of rules"})
"""Rows of what most do not use, whose panels are empty then."""

UNAUTHORIZED = 'error="unauthorized"'


def build() -> dashboards.Dashboard:
    """The dashboard that alerts on the exporter and on its requests lead to."""
    board = new_dashboard("Exporter", "The exporter itself: requests, sources and resources.")
    board.with_row(dashboards.Row("State"))
    _add_state(board)
    board.with_row(dashboards.Row("DigitalOcean API"))
    _add_requests(board)
    board.with_row(dashboards.Row("Sources"))
    add_sources(board)
    board.with_row(dashboards.Row("Receiving"))
    add_receiving(board)
    board.with_row(dashboards.Row("Canary"))
    add_canary(board)
    board.with_row(dashboards.Row("Notifications and state"))
    add_notifications(board)
    board.with_row(dashboards.Row("Replicas"))
    add_replicas(board)
    board.with_row(dashboards.Row("Metrics of rules"))
    add_rules(board)
    board.with_row(dashboards.Row("Process and scrapes"))
    _add_process(board)
    return add_reloads(board)


def _add_state(board: dashboards.Dashboard) -> None:
    remaining = select("digitalocean_app_api_ratelimit_remaining")
    limit = select("digitalocean_app_api_ratelimit_limit")
    unmatched = select("digitalocean_app_discovery_unmatched_includes")
    board.with_panel(
        number(
            "Configuration",
            "Whether the latest load of the configuration was good, on every exporter.",
            "short",
            f"min({select('digitalocean_app_exporter_config_last_reload_successful')})",
            width=3,
        ).mappings(value_names("Refused", "red", "Good", "green"))
    )
    board.with_panel(
        number(
            "State",
            "Whether counts could be saved when they last changed, on every exporter.",
            "short",
            f"min({select('digitalocean_app_exporter_state_up')})",
            width=3,
        ).mappings(value_names("Not saved", "red", "Saved", "green"))
    )
    for title, description, unit, expr, bad_from in (
        (
            "Failed saves",
            "Times in the range shown that counts could not be saved; each is tried again.",
            "short",
            f"sum({increase('digitalocean_app_exporter_state_errors_total')})",
            0.5,
        ),
        (
            "Logs",
            "Logs that are read.",
            "short",
            f"count({shown('digitalocean_app_source_up')})",
            None,
        ),
        (
            "Components watched",
            "Components that discovery.include and discovery.exclude leave, by each exporter.",
            "short",
            f"sum(max without (instance) ({select('digitalocean_app_discovery_components')}))",
            None,
        ),
        (
            "Patterns without match",
            "Patterns of discovery.include that match no app and no component.",
            "short",
            f"sum(max without (instance) ({unmatched}))",
            0.5,
        ),
        (
            "Unreadable logs",
            "Logs whose latest read failed, or that were not read yet.",
            "short",
            f"sum({shown('digitalocean_app_source_up')} == bool 0)",
            0.5,
        ),
        (
            "Oldest success",
            "How long ago the log that waits longest was last read.",
            "s",
            f"time() - min({select('digitalocean_app_source_last_success_timestamp_seconds')} > 0)",
            600,
        ),
        (
            "Budget used",
            "Share of the hourly requests of the token that are spent, by whomever.",
            "percentunit",
            f"1 - min({remaining} / ({limit} > 0))",
            0.85,
        ),
        (
            "Refused",
            "Targets whose latest request was answered with 401.",
            "short",
            f"sum({select('digitalocean_app_api_errors', UNAUTHORIZED)})",
            0.5,
        ),
    ):
        board.with_panel(number(title, description, unit, expr, bad_from, width=3))
    board.with_panel(
        labels_listing(
            "Versions",
            "The exporters that are scraped, with their versions.",
            select("digitalocean_app_exporter_build_info"),
            hidden=("__name__",),
            height=4,
        ).span(18)  # beside the last of the numbers
    )
    board.with_panel(
        graph(
            "Internal errors",
            "Errors in the range shown that the exporter does not foresee, by the part that went "
            "on after them: bugs.",
            "short",
            target(
                "sum by (subsystem) "
                f"({increase('digitalocean_app_exporter_internal_errors_total')})",
                "{{subsystem}}",
            ),
        )
    )


def _add_requests(board: dashboards.Dashboard) -> None:
    errors = "digitalocean_app_api_request_errors_total"
    buckets = rate("digitalocean_app_api_request_duration_seconds_bucket")
    board.with_panel(
        graph(
            "Requests by endpoint",
            "Requests a second to the API and to log hosts, failed ones too, and how many of them "
            "read a live log by plain GET, since its host refused a WebSocket.",
            "reqps",
            target(
                f"sum by (endpoint) ({rate('digitalocean_app_api_requests_total')})",
                "{{endpoint}}",
            ),
            target(
                f"sum by (instance) ({rate('digitalocean_app_log_plain_get_reads_total')})",
                "{{instance}} live logs by plain GET",
            ),
        )
    )
    board.with_panel(
        graph(
            "Errors of requests",
            "Requests a second that failed, by error; what never failed is left out.",
            "reqps",
            target(
                occurring(
                    f"sum by (endpoint, error) ({rate(errors)})",
                    f"sum by (endpoint, error) ({increase_at_end(errors)})",
                ),
                "{{endpoint}} {{error}}",
            ),
        )
    )
    board.with_panel(
        graph(
            "Duration of requests",
            "How long 95 % of the requests took at most.",
            "s",
            target(f"histogram_quantile(0.95, sum by (endpoint, le) ({buckets}))", "{{endpoint}}"),
            width=6,
        )
    )
    board.with_panel(
        graph(
            "Requests left",
            "Requests that the token has left in the running hour, and its limit.",
            "short",
            target(
                select("digitalocean_app_api_ratelimit_remaining"), "{{instance}} {{account}} left"
            ),
            target(
                select("digitalocean_app_api_ratelimit_limit"), "{{instance}} {{account}} limit"
            ),
            width=6,
        )
    )
    board.with_panel(
        graph(
            "Throttled",
            "Requests that wait for the budget at a time, on average.",
            "short",
            target(
                rate("digitalocean_app_api_throttled_seconds_total"), "{{instance}} {{account}}"
            ),
            width=6,
        )
    )
    board.with_panel(
        graph(
            "Intervals stretched",
            "How many times longer than configured intervals are, for the budget's sake.",
            "short",
            target(
                select("digitalocean_app_exporter_interval_stretch_ratio"),
                "{{instance}} {{account}}",
            ),
            width=6,
        )
    )


def _add_process(board: dashboards.Dashboard) -> None:
    for title, description, unit, expr in (
        ("CPU of the exporter", "Cores in use.", "short", rate("process_cpu_seconds_total")),
        (
            "Memory of the exporter",
            "Resident memory.",
            "bytes",
            select("process_resident_memory_bytes"),
        ),
        ("Open files", "Open file descriptors, sockets too.", "short", select("process_open_fds")),
    ):
        board.with_panel(graph(title, description, unit, target(expr, "{{instance}}"), width=8))
    for title, description, unit, metric in (
        ("Scrapes", "How long Prometheus took to scrape.", "s", "scrape_duration_seconds"),
        ("Samples", "Samples in a scrape: series.", "short", "scrape_samples_scraped"),
    ):
        board.with_panel(graph(title, description, unit, target(select(metric), "{{instance}}")))
