"""After a stream's end: looks at RUN_RESTARTED, until it is known whether a container ended."""

import asyncio

from exporter.counting.pipeline import Pipeline
from exporter.model import LogType, Source
from exporter.reading.poller import Poller
from exporter.reading.source_state import SourceState
from exporter.telemetry.internal_errors import InternalErrors, Part

END_LOOKS = (2.0, 3.0, 5.0)
"""Seconds between the looks at RUN_RESTARTED after a stream has ended: the platform may be late."""


class EndLooks:
    """Has RUN_RESTARTED of one followed component read, on the follower's event loop."""

    def __init__(
        self,
        state: SourceState,
        pipeline: Pipeline,
        poller: Poller,
        internal_errors: InternalErrors,
    ) -> None:
        self._state = state
        self._restarted = Source(state.source.app_id, state.source.key, LogType.RUN_RESTARTED)
        self._pipeline = pipeline
        self._poller = poller
        self._internal_errors = internal_errors
        self._looks: asyncio.Task[None] | None = None
        self._alive = False  # the stream after an end showed the same container

    def first_stream(self) -> None:
        """The first attempt to open a stream has succeeded or failed: read RUN_RESTARTED."""
        self._poller.resume(self._restarted)
        self.look()

    def look(self) -> None:
        """Read RUN_RESTARTED at once."""
        self._poller.read_soon(self._restarted)

    def stream_ended(self) -> None:
        """Look until RUN_RESTARTED shows an end that is newer, or a stream the same container."""
        self._alive = False
        self.cancel()
        self._looks = asyncio.create_task(self._look_for_an_end(self.newest()))
        self._internal_errors.watch(Part.FOLLOWER, self._looks, source=self._restarted)

    def stream_began(self, *, same: bool, in_doubt: bool) -> None:
        """A stream has told what there was.

        Args:
            same: whether it showed a line that was known.
            in_doubt: whether containers have ended of which RUN_RESTARTED did not show all.
        """
        self._alive = same and self._state.component.instance_count == 1
        over = self._looks is not None and self._looks.done()
        if in_doubt or (over and not self._alive):
            self.look()  # a container may have ended since the last look

    def cancel(self) -> None:
        """Look no more."""
        if self._looks is not None:
            self._looks.cancel()

    def newest(self) -> float:
        """When the newest container end that is known of happened, in Unix seconds."""
        return self._pipeline.last_restart(self._state.source.key)

    async def _look_for_an_end(self, known: float) -> None:
        # Of several instances no stream can tell that none has ended: no use to wait for one.
        alone = self._state.component.instance_count == 1
        for wait in (END_LOOKS[0] * alone, *END_LOOKS[1:]):
            await asyncio.sleep(wait)
            if self._alive or self.newest() > known:
                return
            self.look()
