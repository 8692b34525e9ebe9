"""Deployments that are over and not read to their end: which source still has to read which.

Both logs of a component share the cursor of a deployment, so it goes when both are through.
"""

from collections.abc import Callable, Sequence
from threading import Lock

from exporter.collect.source_state import DeploymentToRead, SourceState
from exporter.model import ComponentKey, Deployment, Source


class PastDeployments:
    """Keeps ``past`` of every source's state.

    Args:
        release: called with a component, the id of its deployment that nobody needs any more, and
            whether its last lines may be missing.
    """

    def __init__(self, release: Callable[[ComponentKey, str, bool], None]) -> None:
        self._release = release
        self._waiting: dict[tuple[ComponentKey, str], set[Source]] = {}
        self._refused: dict[tuple[ComponentKey, str], bool] = {}  # whether it may lack lines
        self._lock = Lock()

    def begin(self, state: SourceState, between: Sequence[Deployment]) -> None:
        """A source is watched: what is past of it is due, and what came and went since."""
        with self._lock:
            state.add_past(between)
            self._await_end(state)

    def redeploy(
        self, state: SourceState, active: Deployment, between: Sequence[Deployment]
    ) -> None:
        """Another deployment of a source is active, or the same again."""
        with self._lock:
            state.redeploy(active, between)
            self._await_end(state)
            came_back = (state.source.key, active.id)  # by a rollback
            self._waiting.pop(came_back, None)
            self._refused.pop(came_back, None)

    def read_to_end(
        self, state: SourceState, deployment: DeploymentToRead, *, refused: bool = False
    ) -> None:
        """A source is through with a past deployment; its cursor goes when all sources are.

        Args:
            refused: whether the log cannot be read any more: its last lines may be missing then,
                unless a stream of the component came to its end.
        """
        read = (state.source.key, deployment.id)
        with self._lock:
            state.past = [past for past in state.past if past is not deployment]
            waiting = self._waiting.get(read)
            if waiting is None:
                return
            waiting.discard(state.source)
            if refused:
                cut_off = self._refused.get(read, True) and not deployment.complete
                self._refused[read] = cut_off
            if waiting:
                return
            del self._waiting[read]
            cut_off = self._refused.pop(read, False)
        self._release(*read, cut_off)

    def forget(self, source: Source) -> None:
        """A source is not watched any more: nothing waits for it."""
        with self._lock:
            for waiting in self._waiting.values():
                waiting.discard(source)
            self._waiting = {key: left for key, left in self._waiting.items() if left}
            self._refused = {
                key: cut_off for key, cut_off in self._refused.items() if key in self._waiting
            }

    def _await_end(self, state: SourceState) -> None:
        for deployment in state.past:
            waiting = self._waiting.setdefault((state.source.key, deployment.id), set())
            waiting.add(state.source)
