"""What is pushed to the exporter: lines, batches that came again, requests that were refused."""

from grafana_foundation_sdk.builders import dashboard as dashboards

from dashboards.panels import bars, graph, target
from dashboards.queries import increase_per_step, rate, select

BY_FORMAT = "by (format)"


def add_receiving(board: dashboards.Dashboard) -> None:
    """Lines by what became of them, refusals, and components that push or should."""
    board.with_panel(
        graph(
            "Received lines",
            "Pushed lines a second: counted, not counted since they came again, and of components "
            "that are not received.",
            "cps",
            *(
                target(f"sum {BY_FORMAT} ({rate(metric)}) > 0", f"{name} {{{{format}}}}")
                for name, metric in (
                    ("counted", "digitalocean_app_received_lines_total"),
                    ("again", "digitalocean_app_received_duplicates_total"),
                    ("unknown", "digitalocean_app_received_unknown_lines_total"),
                )
            ),
        )
    )
    refused = increase_per_step("digitalocean_app_receive_errors_total")
    board.with_panel(
        bars(
            "Refused requests",
            "Requests with logs that were refused, and why; nothing of them was counted.",
            f"sum by (format, error) ({refused}) > 0",
            "{{format}} {{error}}",
        )
    )
    receiving = select("digitalocean_app_receiving")
    board.with_panel(
        graph(
            "Pushed",
            "Components whose lines are pushed, and those that are polled since nothing came; none "
            "where no logs are received.",
            "short",
            target(f"sum by (instance) ({receiving})", "{{instance}} pushed"),
            target(f"sum by (instance) (1 - {receiving})", "{{instance}} polled instead"),
        )
    )
