"""Who was told of events, and what became of the database that keeps the counts."""

from grafana_foundation_sdk.builders import dashboard as dashboards

from dashboards.panels import bars
from dashboards.queries import increase_per_step


def add_notifications(board: dashboards.Dashboard) -> None:
    """Notifications by receiver and outcome, and rollbacks of the database."""
    told = increase_per_step("digitalocean_app_notifications_total")
    board.with_panel(
        bars(
            "Notifications",
            "Notifications of crashes, new errors and failures: those that reached a receiver, and "
            "those that were given up.",
            f"sum by (receiver, outcome) ({told}) > 0",
            "{{receiver}} {{outcome}}",
        )
    )
    rollbacks = increase_per_step("digitalocean_app_exporter_state_rollbacks_total")
    board.with_panel(
        bars(
            "Rollbacks",
            "Times that the database had gone back behind what was saved; everything was saved "
            "anew.",
            f"sum by (instance) ({rollbacks})",
            "{{instance}}",
        )
    )
