"""How the exporter reads: age, interval, overlap and gaps of each log, streams, rules' metrics."""

from grafana_foundation_sdk.builders import dashboard as dashboards

from dashboards.panels import bars, graph, target
from dashboards.queries import increase_at_end, increase_per_step, largest, rate, select

SOURCE = "{{account}} {{app}}/{{component}} {{log_type}}"
BY_SOURCE = "by (account, app, component, log_type)"
BY_REASON = "by (account, app, component, log_type, reason)"


def add_sources(board: dashboards.Dashboard) -> None:
    """How old what is known of each log is, and what reading it costs."""
    interval = select("digitalocean_app_source_interval_seconds")
    repeated = "digitalocean_app_log_repeated_lines_total"
    success = select("digitalocean_app_source_last_success_timestamp_seconds")
    board.with_panel(
        graph(
            "Age of data",
            "How long ago each log was last read whole: the ten that wait longest.",
            "s",
            target(
                largest(
                    f"time() - max {BY_SOURCE} ({success} > 0)",
                    f"time() - max {BY_SOURCE} ({success} @ end() > 0)",
                    lines=10,
                ),
                SOURCE,
            ),
        )
    )
    board.with_panel(
        graph(
            "Interval",
            "The interval at which logs are read: the ten longest.",
            "s",
            target(
                largest(
                    f"max {BY_SOURCE} ({interval})",
                    f"max {BY_SOURCE} ({interval} @ end())",
                    lines=10,
                ),
                SOURCE,
            ),
        )
    )
    board.with_panel(
        graph(
            "Repeated lines",
            "Lines a second that were read again and not counted: what the overlap costs.",
            "cps",
            target(
                largest(
                    f"sum {BY_SOURCE} ({rate(repeated)})",
                    f"sum {BY_SOURCE} ({increase_at_end(repeated)})",
                    lines=10,
                ),
                SOURCE,
            ),
        )
    )
    board.with_panel(
        bars(
            "Gaps",
            "Times that lines could not be seen, and why; `deployment` is the last seconds before "
            "one, in poll mode.",
            f"sum {BY_REASON} ({increase_per_step('digitalocean_app_log_gaps_total')}) > 0",
            f"{SOURCE} {{{{reason}}}}",
        )
    )
    _add_streams(board)


def _add_streams(board: dashboards.Dashboard) -> None:
    connected = select("digitalocean_app_stream_connected")
    reconnects = increase_per_step("digitalocean_app_stream_reconnects_total")
    board.with_panel(
        graph(
            "Live streams",
            "Logs that are followed, and those that should be and are not; none where logs are "
            "polled.",
            "short",
            target(f"sum by (instance) ({connected})", "{{instance}} connected"),
            target(f"count by (instance) ({connected} == 0)", "{{instance}} away"),
        )
    )
    board.with_panel(
        bars(
            "Streams opened again",
            "Streams of a component that followed one that had ended.",
            f"sum by (account, app, component) ({reconnects}) > 0",
            "{{account}} {{app}}/{{component}}",
        )
    )


def add_canary(board: dashboards.Dashboard) -> None:
    """Whether the lines of the canary all arrive, and when."""
    by_component, legend = "by (account, app, component)", "{{account}} {{app}}/{{component}}"
    missing, announced, repeated = (
        f"sum {by_component} ({increase_per_step(f'digitalocean_app_canary_lines_{name}_total')})"
        for name in ("missing", "announced", "repeated")
    )
    board.with_panel(
        graph(
            "Canary lines missing",
            "Lines that the canary wrote and that were not counted, in gaps that were announced or "
            "not, and those that counted twice. All 0 is what you want.",
            "short",
            target(f"{missing} - {announced}", f"{legend} unannounced"),
            target(announced, f"{legend} in gaps"),
            target(repeated, f"{legend} repeated"),
        )
    )
    buckets = rate("digitalocean_app_canary_delay_seconds_bucket")
    board.with_panel(
        graph(
            "Canary delay",
            "How long after it was written a line of the canary is counted: 99 of 100 lines.",
            "s",
            target(
                f"histogram_quantile(0.99, sum by (account, app, component, le) ({buckets}))",
                legend,
            ),
        )
    )


def add_rules(board: dashboards.Dashboard) -> None:
    """What the metrics of rules could not take as it was."""
    for title, description, counter in (
        (
            "Folded matches",
            "Matches that counted under the label value `other`, past `max_series`.",
            "digitalocean_app_rule_metric_overflow_total",
        ),
        (
            "Unreadable values",
            "Matches whose value was no number that the metric of their rule takes.",
            "digitalocean_app_rule_value_errors_total",
        ),
    ):
        grown = f"sum by (metric) ({increase_per_step(counter)}) > 0"
        board.with_panel(bars(title, description, grown, "{{metric}}"))
