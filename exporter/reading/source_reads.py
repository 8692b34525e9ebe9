"""One read of one source: its past deployments to their end, then the active one."""

import logging
from dataclasses import dataclass, replace

from exporter.counting.pipeline import Pipeline
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.log_content import LogContent
from exporter.errors import ApiError, DeploymentEnded, InternalError, NotFound
from exporter.logs.restarts.exit_account import GRACE_SECONDS
from exporter.model import Endpoint, GapReason, LogLocations, LogType, Source
from exporter.reading.past_deployments import PastDeployments
from exporter.reading.reading import Reading
from exporter.reading.source_state import DeploymentToRead, SourceState
from exporter.scheduling.schedule import Schedule
from exporter.scheduling.timer import Timer
from exporter.telemetry.internal_errors import InternalErrors, Part

LOG = logging.getLogger(__name__)

DRAIN_ATTEMPTS = 10
EARLY_DISCOVERIES = 3
"""How often one deployment that turns out to be past asks for a discovery ahead of time."""


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What goes with each request for a log: the most lines, and how long it may take to reach it.

    Args:
        pod_connection_timeout: as the API takes it.
    """

    tail_lines: int
    pod_connection_timeout: str


class SourceReads:
    """Reads sources, and keeps in their states what it learns about them.

    Args:
        schedule: of the sources; RUN_RESTARTED is read at once where a container may have ended.
        discovery: run soon when the active deployment of an app turns out to be past.
    """

    def __init__(
        self,
        platform: AppPlatform,
        content: LogContent,
        pipeline: Pipeline,
        settings: ReadSettings,
        schedule: Schedule[Source],
        discovery: Timer,
        internal_errors: InternalErrors,
    ) -> None:
        self._platform = platform
        self._content = content
        self._pipeline = pipeline
        self.past = self._past = PastDeployments(pipeline.release)
        self.settings = settings
        self._schedule = schedule
        self._discovery = discovery
        self._internal_errors = internal_errors

    def read(self, state: SourceState, urgent: bool) -> None:
        """Read a source now; of one that is suspended, past deployments only.

        Raises:
            ApiError, InternalError: something of it could not be read.
            Stopping: the program is shutting down.
        """
        failed: ApiError | InternalError | None = None
        for deployment in list(state.past):
            if not self._past.may_read(state, deployment):
                continue
            try:
                self._drain(state, deployment)
            except (ApiError, InternalError) as error:  # the active one must not wait for it
                failed = error
            finally:
                if self._past.tried(state, deployment):
                    self._schedule.soon(replace(state.source, log_type=LogType.RUN_RESTARTED))
        if not state.suspended:
            self._read_active(state, state.active, urgent)
        if failed is not None:
            raise failed

    def read_whole(
        self,
        state: SourceState,
        deployment: DeploymentToRead,
        *,
        times: int = 1,
        follows_whole: bool = False,
    ) -> bool:
        """Read a deployment of a source now, as far back as is ever asked for.

        Args:
            times: so many times further back.
            follows_whole: whether a stream has just brought the log of the only container to its
                end.

        Returns:
            whether it showed a line that was known.

        Raises:
            ApiError, DeploymentEnded, Stopping: it could not be read.
        """
        reading, _ = self._read_window(state, deployment, self.settings.tail_lines * times)
        if follows_whole:
            reading.follow_whole()
        reading.end()
        return reading.knows_a_line

    def begin(self, state: SourceState, deployment: DeploymentToRead, asked: int) -> Reading:
        """A reading of a deployment's log; ``asked``: for how many lines, unless all are needed."""
        return Reading(
            self._pipeline,
            state.source,
            state.component,
            deployment.id,
            tail_lines=asked,
            from_first_line=deployment.from_first_line,
        )

    def finish(
        self, state: SourceState, deployment: DeploymentToRead, reading: Reading, new: int
    ) -> None:
        """A log was read whole and had so many new lines."""
        reading.end()
        deployment.unread = False
        state.newest = max(state.newest, reading.newest)
        if deployment is state.active:
            several = state.component.instance_count != 1
            state.tail.learn(new, reading.newest if several else 0)
            if reading.restart_hinted and state.source.log_type is LogType.RUN:
                self._schedule.soon(replace(state.source, log_type=LogType.RUN_RESTARTED))
            if reading.ends_unexplained:
                self._schedule.soon(replace(state.source, log_type=LogType.RUN), GRACE_SECONDS)

    def found_past(self, deployment: DeploymentToRead) -> None:
        """A deployment that was taken for the active one is past: there must be another."""
        deployment.found_past += 1
        if deployment.found_past <= EARLY_DISCOVERIES:
            self._discovery.run_soon()

    def _read_active(self, state: SourceState, active: DeploymentToRead, urgent: bool) -> None:
        try:
            locations = self._read_log(state, active, urgent=urgent)
        except DeploymentEnded:
            self.found_past(active)
            return
        except Exception:  # the poller translates, counts and says it
            active.unread = True
            raise
        if locations.live_url is None and locations.archive_urls:
            self.found_past(active)

    def _drain(self, state: SourceState, deployment: DeploymentToRead) -> None:
        """Read the rest of a past deployment; let it go once it is read or has no end."""
        deployment.attempts += 1
        last_attempt = deployment.attempts >= DRAIN_ATTEMPTS
        try:
            with self._internal_errors.translated(
                Part.POLLER, ApiError, DeploymentEnded, source=state.source
            ):
                locations = self._read_log(state, deployment, past_failures=last_attempt)
            over = locations.live_url is None
        except DeploymentEnded:
            self._past.read_to_end(state, deployment, cut_off=_lacks_end(state, deployment))
            return
        except (ApiError, InternalError) as error:
            # One of its archives may be there again; a deployment that is gone will not.
            gone = isinstance(error, NotFound) and error.endpoint is Endpoint.LOGS
            if not last_attempt and not gone:
                raise
            fields = {"source": state.source, "deployment": deployment.id, "problem": error}
            LOG.warning(
                "past deployment given up: its rest cannot be read", extra={"fields": fields}
            )
            if gone:
                self._past.read_to_end(state, deployment, cut_off=_lacks_end(state, deployment))
                return
            self._pipeline.count_gap(state.source, GapReason.ARCHIVE)
            over = True
        if over or last_attempt:
            self._past.read_to_end(state, deployment)

    def _read_log(
        self,
        state: SourceState,
        deployment: DeploymentToRead,
        *,
        urgent: bool = False,
        past_failures: bool = False,
    ) -> LogLocations:
        """Read one log of one deployment; where it was is what tells an active from a past one.

        A window that may not reach back to what was counted is followed by the widest one.
        ``past_failures``: also what is behind an archive that cannot be read.
        """
        widest = self.settings.tail_lines
        asked = state.tail.ask() if deployment is state.active else widest
        reading, locations = self._read_window(state, deployment, asked, urgent, past_failures)
        new = reading.lines
        may_lack = reading.may_miss_lines or reading.may_hide_ends
        if may_lack and reading.tail_lines < widest:
            if reading.may_hide_ends:
                state.tail.widen()
            reading.drop()
            reading, locations = self._read_window(state, deployment, widest, urgent)
            new += reading.lines
        self.finish(state, deployment, reading, new)
        return locations

    def _read_window(
        self,
        state: SourceState,
        deployment: DeploymentToRead,
        asked: int,
        urgent: bool = False,
        past_failures: bool = False,
    ) -> tuple[Reading, LogLocations]:
        """Read what the platform shows of a log now; the reading is not ended yet."""
        source = state.source
        reading = self.begin(state, deployment, asked)
        try:
            locations = self._platform.log_locations(
                source,
                deployment.id,
                tail_lines=reading.tail_lines,
                pod_connection_timeout=self.settings.pod_connection_timeout,
                urgent=urgent,
            )
            content = self._content.read(locations, target=source, past_failures=past_failures)
            for chunk in content:
                reading.feed(chunk)
        except BaseException:
            reading.drop()
            raise
        finally:
            state.lines += reading.lines
        return reading, locations


def _lacks_end(state: SourceState, deployment: DeploymentToRead) -> bool:
    """Whether lines of a past deployment that cannot be read any more may be missing.

    RUN_RESTARTED has no lines but those of containers that RUN showed; if it could not be read
    lately, there may be a container that had ended before RUN was.
    """
    if state.source.log_type is LogType.RUN:
        return not deployment.complete
    return deployment.unread
