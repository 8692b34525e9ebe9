"""The metrics of the program itself and of its replicas, as records."""

from typing import Any

from exporter.telemetry.declarations import Declaration, DeclaredMetrics, counter, gauge
from exporter.telemetry.metrics import Metrics


class ExporterMetrics(DeclaredMetrics):
    """The metrics about the program as a whole, whatever it watches."""

    build_info = gauge(
        "digitalocean_app_exporter_build_info",
        "Always 1; the version of the exporter and of the Python that runs it.",
        ("version", "python_version", "revision"),
    )
    web_info = gauge(
        "digitalocean_app_exporter_web_info",
        "Always 1; where people reach the exporter's pages, for links in alerts; with "
        "web.external_url only.",
        ("external_url",),
    )
    config_last_reload_successful = gauge(
        "digitalocean_app_exporter_config_last_reload_successful",
        "1 if the latest load of the configuration was good, 0 if it was refused.",
    )
    config_last_reload_success_timestamp = gauge(
        "digitalocean_app_exporter_config_last_reload_success_timestamp_seconds",
        "When a configuration was last loaded successfully.",
    )
    notifications = counter(
        "digitalocean_app_notifications_total",
        "Notifications of events that reached a receiver, or were given up.",
        ("receiver", "outcome"),
    )
    received_lines = counter(
        "digitalocean_app_received_lines_total",
        "Pushed lines that were taken and counted.",
        ("format",),
    )
    received_duplicates = counter(
        "digitalocean_app_received_duplicates_total",
        "Pushed lines that were not counted: of batches that came again, polled before, or of a "
        "scheduled job, whose runs' logs are read.",
        ("format",),
    )
    received_unknown_lines = counter(
        "digitalocean_app_received_unknown_lines_total",
        "Pushed lines of components that are not watched, or that are read in another way.",
        ("format",),
    )
    receive_errors = counter(
        "digitalocean_app_receive_errors_total",
        "Requests with pushed logs that were refused; nothing of them was counted.",
        ("format", "error"),
    )


class ReplicaMetrics(DeclaredMetrics):
    """The metrics of one replica, where several exporters share the work."""

    replicas = gauge(
        "digitalocean_app_exporter_replicas",
        "Replicas that this one sees alive, itself included; 0 while it is not one of the group. "
        "With replicas.enabled only, as the others about replicas.",
    )
    takeovers = counter(
        "digitalocean_app_exporter_takeovers_total",
        "Shares that this replica took from one that had fallen silent.",
    )
    fenced_saves = counter(
        "digitalocean_app_exporter_fenced_saves_total",
        "Saves that the database refused since the share had a new owner; nothing of them was "
        "kept or shown.",
    )
    internal_errors = Metrics.internal_errors  # those of the replica, beside its accounts'


class ShareMetrics(DeclaredMetrics):
    """The metrics about the shares of one account."""

    share_owned = gauge(
        "digitalocean_app_exporter_share_owned",
        "1 for each share of an account that this replica owns and shows, 0 for the others.",
        ("share",),
    )


def all_declarations() -> list[Declaration[Any]]:
    """The declarations of every metric of the program."""
    sets = (Metrics, ExporterMetrics, ReplicaMetrics, ShareMetrics)
    return list(dict.fromkeys(metric for each in sets for metric in each.declarations()))
