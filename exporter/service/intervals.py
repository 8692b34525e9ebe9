"""The intervals of an account, and which of the platform's numbers are read."""

from exporter.config.reading import LogMode
from exporter.config.schema import Config
from exporter.scheduling.pacing import CollectorSettings

SWEEP_SECONDS = 3600.0
"""How often RUN_RESTARTED is read where nothing hints at the end of a container."""


def collector_settings(config: Config) -> CollectorSettings:
    """What the configuration says of intervals and of the platform's own numbers."""
    wanted = config.collectors
    return CollectorSettings(
        discovery_interval=config.discovery.interval,
        poll_interval=config.logs.interval,
        restarted_interval=(
            max(config.logs.interval, SWEEP_SECONDS)
            if config.logs.mode
            in (LogMode.FOLLOW, LogMode.RECEIVE)  # other signs tell of a container's end
            else config.logs.interval
        ),
        health=wanted.health,
        instances=wanted.instances,
        restart_count=wanted.restart_count,
        deployments=wanted.deployments,
        jobs=wanted.jobs,
        events=wanted.events,
        bandwidth=wanted.bandwidth,
    )
