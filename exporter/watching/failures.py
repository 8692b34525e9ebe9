"""Failed requests about apps, logged when they begin to fail and when they work again."""

import logging
from collections.abc import Collection

from exporter.errors import ApiError

LOG = logging.getLogger(__name__)


class Failures:
    """What fails now, by the app and what was asked of it."""

    def __init__(self) -> None:
        self._failing: set[tuple[str, str]] = set()

    def failed(self, app: str, what: str, error: ApiError) -> None:
        """A request failed; logged if the one before had not."""
        if (app, what) not in self._failing:
            self._failing.add((app, what))
            LOG.warning(
                "platform metrics cannot be read, trying again",
                extra={"fields": {"app": app, "what": what, "problem": error}},
            )

    def keep_apps(self, apps: Collection[str]) -> None:
        """Forget the failures of all apps but these."""
        self._failing = {(app, what) for app, what in self._failing if app in apps}

    def keep_questions(self, prefix: str, components: Collection[tuple[str, str]]) -> None:
        """Forget failed questions ``prefix/component`` but about these apps' components."""
        kept = {(app, f"{prefix}/{component}") for app, component in components}
        self._failing = {
            (app, what)
            for app, what in self._failing
            if not what.startswith(f"{prefix}/") or (app, what) in kept
        }

    def worked(self, app: str, what: str) -> None:
        """A request worked; logged if the one before had not."""
        if (app, what) in self._failing:
            self._failing.discard((app, what))
            LOG.info(
                "platform metrics can be read again",
                extra={"fields": {"app": app, "what": what}},
            )
