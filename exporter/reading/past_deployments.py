"""Deployments that are over and not read to their end: which source still has to read which.

Both logs of a component share the cursor of a deployment, so it goes when both are through.
"""

from collections.abc import Callable, Sequence
from threading import Lock

from exporter.model import ComponentKey, Deployment, LogType, Source
from exporter.reading.source_state import DeploymentToRead, SourceState


class PastDeployments:
    """Keeps ``past`` of every source's state.

    Args:
        release: called with a component, the id of its deployment that nobody needs any more, and
            whether its last lines may be missing.
    """

    def __init__(self, release: Callable[[ComponentKey, str, bool], None]) -> None:
        self._release = release
        self._states: dict[Source, SourceState] = {}
        self._waiting: dict[tuple[ComponentKey, str], set[Source]] = {}
        self._cut_off: set[tuple[ComponentKey, str]] = set()
        self._untried: set[tuple[ComponentKey, str]] = set()  # whose RUN log was not asked for yet
        self._lock = Lock()

    def begin(self, state: SourceState, between: Sequence[Deployment]) -> None:
        """A source is watched: what is past of it is due, and what came and went since."""
        with self._lock:
            self._states[state.source] = state
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
            self._cut_off.discard(came_back)
            self._untried.discard(came_back)

    def may_read(self, state: SourceState, deployment: DeploymentToRead) -> bool:
        """Whether a past deployment of a source can be read now.

        Its stream comes first where one is left, and RUN before RUN_RESTARTED: what that one
        shows at the end of a deployment need not be a restart.
        """
        read = (state.source.key, deployment.id)
        with self._lock:
            if state.source.log_type is LogType.RUN:
                return not deployment.streamed
            return read not in self._untried

    def tried(self, state: SourceState, deployment: DeploymentToRead) -> bool:
        """Note that a source was asked for a past deployment; whether that lets others read it."""
        read = (state.source.key, deployment.id)
        with self._lock:
            first = state.source.log_type is LogType.RUN and read in self._untried
            if first:
                self._untried.discard(read)
            return first

    def read_to_end(
        self, state: SourceState, deployment: DeploymentToRead, *, cut_off: bool = False
    ) -> None:
        """A source is through with a past deployment; its cursor goes when all sources are.

        Args:
            cut_off: whether its last lines may be missing, since it cannot be read any more.
        """
        read = (state.source.key, deployment.id)
        with self._lock:
            state.past = [past for past in state.past if past is not deployment]
            waiting = self._waiting.get(read)
            if waiting is None:
                return
            waiting.discard(state.source)
            if cut_off:
                self._cut_off.add(read)
            if waiting:
                return
            del self._waiting[read]
            cut_off = read in self._cut_off
            self._cut_off.discard(read)
        self._release(*read, cut_off)

    def forget(self, source: Source) -> None:
        """A source is not watched any more: nothing waits for it."""
        with self._lock:
            self._states.pop(source, None)
            for waiting in self._waiting.values():
                waiting.discard(source)
            self._waiting = {key: left for key, left in self._waiting.items() if left}
            self._cut_off &= self._waiting.keys()
            self._untried &= self._waiting.keys()
            if source.log_type is LogType.RUN:
                self._untried = {read for read in self._untried if read[0] != source.key}

    def _await_end(self, state: SourceState) -> None:
        """Wait for a source, and for others that read what is past of it as the active one.

        They learn later that it is past, and would begin its cursor again if that had gone.
        """
        key = state.source.key
        others = [each for source, each in self._states.items() if source.key == key]
        for deployment in state.past:
            self._await(state.source, deployment.id)
            for other in others:
                if other.active.id == deployment.id:
                    self._await(other.source, deployment.id)

    def _await(self, source: Source, deployment_id: str) -> None:
        read = (source.key, deployment_id)
        waiting = self._waiting.setdefault(read, set())
        if source.log_type is LogType.RUN and source not in waiting:
            self._untried.add(read)
        waiting.add(source)
