"""Who reads what discovery finds: the poller alone, or the follower in front of it."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from exporter.model import Component, Deployment, LogType, Source, SourceStatus


class Reader(Protocol):
    """Reads watched sources from ``watch`` to ``unwatch``; safe to call from any thread."""

    def watch(
        self,
        source: Source,
        component: Component,
        active: Deployment,
        *,
        between: Sequence[Deployment] = (),
        from_first_line: bool = False,
    ) -> None:
        """Read a source from now on, or continue with it under another deployment.

        Args:
            active: the deployment whose log grows.
            between: those that came and went since the one that was read before, oldest first.
            from_first_line: whether the active one began under the exporter's eyes.
        """
        ...

    def unwatch(self, source: Source) -> None:
        """Read a source no more."""
        ...

    def hand_over_nears(self, app_id: str) -> None:
        """Read the RUN logs of an app now: they are read more often from here on."""
        ...

    def sources(self) -> list[Source]:
        """Every source that is watched."""
        ...

    def waiting(self) -> int:
        """How many sources still wait for a first read to be tried."""
        ...

    def polled(self) -> Counter[LogType]:
        """How many requests read the logs of each type, each interval."""
        ...

    def repace(self, factor: float, stretch: float) -> None:
        """Intervals became longer by ``factor``, or shorter; they are ``stretch`` times as long."""
        ...

    def statuses(self) -> list[SourceStatus]:
        """How each source stands."""
        ...
