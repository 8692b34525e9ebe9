"""Deployments that came and went between two lists of apps: their logs are due all the same."""

import logging
from collections.abc import Callable, Iterable, Sequence

from exporter.errors import ApiError, Forbidden, NotFound
from exporter.model import App, Deployment

LOG = logging.getLogger(__name__)


_Found = tuple[str, float | None]


class CameAndWent:
    """Finds each such deployment once; kept from one configuration to the next.

    A list of deployments is asked for after the list of apps, and may be ahead of it: what is found
    once does not come and go again when the apps are listed the next time.
    """

    def __init__(self) -> None:
        # By the app's id: what was found and is still listed, with when it was replaced.
        self._found: dict[str, frozenset[_Found]] = {}
        # By the app's id: the ids of those that were active since a list was due, oldest first.
        self._unlisted: dict[str, tuple[str, ...]] = {}

    def waits_for(self, app: App) -> bool:
        """Whether the deployments of an app could not be listed when that was due."""
        return app.id in self._unlisted

    def since(
        self, app: App, earlier: str, list_deployments: Callable[[str], Sequence[Deployment]]
    ) -> tuple[Deployment, ...]:
        """The deployments that came and went, oldest first; none where they cannot be listed.

        Args:
            app: one that has an active deployment.
            earlier: the id of the one that was active before, or the same id.
            list_deployments: asks for the latest ones of an app, newest first.
        """
        active = app.active_deployment
        assert active is not None
        waited = self._unlisted.pop(app.id, ())
        read = tuple(dict.fromkeys((*waited, earlier)))
        try:
            listed = list_deployments(app.id)
        except ApiError as error:
            if self._may_work_later(app, error, again=bool(waited)):
                self._unlisted[app.id] = read
            return ()
        if waited:
            LOG.info("deployments can be listed again", extra={"fields": {"app": app.name}})
        known = self._found.get(app.id, frozenset())
        found = tuple(
            deployment
            for deployment in came_between(listed, read[0], active.id)
            if deployment.id not in read and _replaced(deployment) not in known
        )
        self._found[app.id] = known.intersection(map(_replaced, listed)).union(
            map(_replaced, found)
        )
        return found

    def forget(self, gone: Iterable[App]) -> None:
        """Apps are gone, and so are their deployments."""
        for app in gone:
            self._found.pop(app.id, None)
            self._unlisted.pop(app.id, None)

    @staticmethod
    def _may_work_later(app: App, error: ApiError, *, again: bool) -> bool:
        """Log that a list failed, once; whether it is worth asking with the next list of apps."""
        fields = {"fields": {"app": app.name, "problem": error}}
        if isinstance(error, Forbidden | NotFound):
            LOG.warning(
                "deployments cannot be listed: one that came and went is not read", extra=fields
            )
            return False
        if not again:
            LOG.warning("deployments cannot be listed, trying again", extra=fields)
        return True


def _replaced(deployment: Deployment) -> _Found:
    return deployment.id, deployment.phase_changed_at


def came_between(
    deployments: Sequence[Deployment], before: str, now: str
) -> tuple[Deployment, ...]:
    """The deployments that came and went since one was read, oldest first.

    Args:
        deployments: the latest ones, newest first, as the API lists them.
        before: the id of the one that was active.
        now: the id of the one that is; after a rollback it may be older, or the same.
    """
    ids = [deployment.id for deployment in deployments]
    if before not in ids:
        return ()
    newer = deployments[: ids.index(before)]
    return tuple(d for d in reversed(newer) if d.phase == "SUPERSEDED" and d.id != now)
