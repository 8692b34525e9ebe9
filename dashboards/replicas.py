"""Several replicas that share the work: who is alive, and who owns which share."""

from grafana_foundation_sdk.builders import dashboard as dashboards

from dashboards.panels import bars, graph, target
from dashboards.queries import increase_per_step, select


def add_replicas(board: dashboards.Dashboard) -> None:
    """Replicas, owners of shares, and what became of shares of replicas that fell silent."""
    owned = select("digitalocean_app_exporter_share_owned")
    board.with_panel(
        graph(
            "Replicas",
            "Replicas that each one sees alive; 0 while it is not one of the group. "
            "With replicas.enabled only.",
            "short",
            target(select("digitalocean_app_exporter_replicas"), "{{instance}}"),
        )
    )
    board.with_panel(
        graph(
            "Shares of each replica",
            "How many shares each replica owns and shows.",
            "short",
            target(f"sum by (instance) ({owned})", "{{instance}}"),
        )
    )
    board.with_panel(
        graph(
            "Owners of each share",
            "1 is as it should be. A share that moves has none for a moment, or two for a scrape.",
            "short",
            target(f"sum by (account, share) ({owned})", "{{account}} {{share}}"),
        )
    )
    taken = increase_per_step("digitalocean_app_exporter_takeovers_total")
    board.with_panel(
        bars(
            "Shares taken over",
            "Shares that a replica took from one that had fallen silent.",
            f"sum by (instance) ({taken})",
            "{{instance}}",
        )
    )
    refused = increase_per_step("digitalocean_app_exporter_fenced_saves_total")
    board.with_panel(
        bars(
            "Refused saves",
            "Saves that the database refused since the share had a new owner: nothing counted "
            "twice.",
            f"sum by (instance) ({refused})",
            "{{instance}}",
        )
    )
