"""Probes RUN_RESTARTED after the end of a stream, until it is known whether a container ended."""

import asyncio

from exporter.counting.pipeline import Pipeline
from exporter.model import LogType, Source
from exporter.reading.poller import Poller
from exporter.reading.source_state import SourceState
from exporter.telemetry.internal_errors import InternalErrors, Part

PROBE_DELAYS = (2.0, 3.0, 5.0)
"""Seconds between probes of RUN_RESTARTED after a stream has ended: the platform may be late."""


class RestartProbe:
    """Requests reads of RUN_RESTARTED of one followed component, on the follower's event loop."""

    def __init__(
        self,
        state: SourceState,
        pipeline: Pipeline,
        poller: Poller,
        internal_errors: InternalErrors,
    ) -> None:
        self._state = state
        self.restarted = Source(state.source.app_id, state.source.key, LogType.RUN_RESTARTED)
        self._pipeline = pipeline
        self._poller = poller
        self._internal_errors = internal_errors
        self._probes: asyncio.Task[None] | None = None
        self._alive = False  # the stream after an end showed the same container

    def first_stream(self) -> None:
        """The first attempt to open a stream has succeeded or failed: read RUN_RESTARTED."""
        self._poller.resume(self.restarted)
        self.probe()

    def probe(self) -> None:
        """Read RUN_RESTARTED at once."""
        self._poller.read_soon(self.restarted)

    def stream_ended(self) -> None:
        """Probe until RUN_RESTARTED shows a newer end, or a stream shows the same container."""
        self._alive = False
        self.cancel()
        self._probes = asyncio.create_task(self._probe_for_an_end(self.newest()))
        self._internal_errors.watch(Part.FOLLOWER, self._probes, source=self.restarted)

    def stream_began(self, *, same: bool, in_doubt: bool) -> None:
        """The text that a stream began with has been read.

        Args:
            same: whether it showed a line that was known.
            in_doubt: whether containers have ended of which RUN_RESTARTED did not show all.
        """
        self._alive = same and self._state.component.instance_count == 1
        over = self._probes is not None and self._probes.done()
        if in_doubt or (over and not self._alive):
            self.probe()  # a container may have ended since the last probe

    def cancel(self) -> None:
        """Stop probing."""
        if self._probes is not None:
            self._probes.cancel()

    def newest(self) -> float:
        """When the newest container end that is known of happened, in Unix seconds."""
        return self._pipeline.last_restart(self._state.source.key)

    async def _probe_for_an_end(self, known: float) -> None:
        # With several instances no stream shows that none has ended, so there is no use in waiting.
        alone = self._state.component.instance_count == 1
        for wait in (PROBE_DELAYS[0] * alone, *PROBE_DELAYS[1:]):
            await asyncio.sleep(wait)
            if self._alive or self.newest() > known:
                return
            self.probe()
