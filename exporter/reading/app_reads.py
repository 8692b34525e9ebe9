"""One read of a whole app: the log of all of its components, by one request.

What it cannot settle for a component, since the text was cut before what is known of it, that
component's own log is asked for.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.log_content import LogContent
from exporter.logs.routing import Router
from exporter.model import LIVE_PART, LogChunk, LogLocations, LogType
from exporter.reading.reading import Reading
from exporter.reading.source_reads import SourceReads
from exporter.reading.source_state import SourceState

LOG = logging.getLogger(__name__)

MOST_LINES = 100_000
"""How many lines are asked for at the most, whatever the number of components."""


@dataclass(frozen=True, slots=True)
class AppLog:
    """One run-time log of one deployment of an app."""

    app_id: str
    app: str
    deployment_id: str
    log_type: LogType

    def __str__(self) -> str:
        return f"{self.app} {self.log_type}"


class AppReads:
    """Reads the sources of whole apps.

    Args:
        reads: begins and finishes the reading of each source.
    """

    def __init__(self, platform: AppPlatform, content: LogContent, reads: SourceReads) -> None:
        self._platform = platform
        self._content = content
        self._reads = reads
        self._strangers: set[tuple[str, str]] = set()

    def read(self, states: Sequence[SourceState]) -> set[str]:
        """Read sources of one app, log type and active deployment by one request.

        Returns:
            the components whose own log has to be read: nothing is settled for them.

        Raises:
            ApiError, DeploymentEnded, Stopping: the log could not be read whole.
        """
        first = states[0].source
        log = AppLog(first.app_id, first.key.app, states[0].active.id, first.log_type)
        begun = [
            (state, state.active, self._reads.begin(state, state.active, state.tail.ask()))
            for state in states
        ]
        readings = {state.source.key.component: reading for state, _, reading in begun}
        alone = {name for name, reading in readings.items() if reading.in_doubt}
        together = {name: reading for name, reading in readings.items() if name not in alone}
        try:
            if together:
                alone |= self._feed(log, together)
        except BaseException:
            for reading in readings.values():
                reading.drop()
            raise
        finally:
            for state, _, reading in begun:
                state.lines += reading.lines
        for state, deployment, reading in begun:
            if state.source.key.component in alone:
                reading.drop()
            else:
                self._reads.finish(state, deployment, reading, reading.lines)
        return alone

    def forget(self, app: str) -> None:
        """The app is gone."""
        self._strangers = {each for each in self._strangers if each[0] != app}

    def _feed(self, log: AppLog, readings: Mapping[str, Reading]) -> set[str]:
        """Feed the readings, by their components' names, what the platform shows now.

        As many lines are asked for as all of them want together.

        Returns:
            the components whose own log has to be asked for: all where the app's is a past one,
            and those of which this text may not show all that is new.
        """
        asked = min(sum(reading.tail_lines for reading in readings.values()), MOST_LINES)
        locations = self._platform.app_log_locations(
            log.app_id,
            log.deployment_id,
            log.log_type,
            tail_lines=asked,
            pod_connection_timeout=self._reads.settings.pod_connection_timeout,
        )
        if locations.live_url is None:
            return set(readings) if locations.archive_urls else set()
        router = Router(readings)
        live = replace(locations, archive_urls=())
        self._pass_on(live, log, router, readings)
        self._say_strangers(log, router.strangers)
        whole = router.lines < asked
        for reading in readings.values():
            reading.reaches(asked if whole else None)
        return {
            name
            for name, reading in readings.items()
            if not whole and (reading.may_miss_lines or not reading.knows_a_line)
        }

    def _pass_on(
        self, live: LogLocations, log: AppLog, router: Router, readings: Mapping[str, Reading]
    ) -> None:
        for chunk in self._content.read(live, target=(log.app_id, log.log_type)):
            for name, data in router.feed(chunk.data).items():
                readings[name].feed(LogChunk(data, LIVE_PART))
        for name, data in router.end().items():
            readings[name].feed(LogChunk(data, LIVE_PART))
        for reading in readings.values():
            reading.feed(LogChunk(b"", LIVE_PART, last=True))

    def _say_strangers(self, log: AppLog, strangers: set[str]) -> None:
        for name in sorted(strangers):
            if (log.app, name) not in self._strangers:
                self._strangers.add((log.app, name))
                LOG.info(
                    "lines of a component that is not watched are dropped",
                    extra={"fields": {"app": log.app, "component": name}},
                )
