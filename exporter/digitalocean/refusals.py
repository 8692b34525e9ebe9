"""Tells a log that is refused because its deployment has ended from one refused for a fault.

The platform answers 400 for RUN and RUN_RESTARTED of a deployment that has ended, in words that
vary (`cannot get running logs from deployment … in phase final_cleanup`). The list of apps says
which deployment is active, so a refusal is judged by that list: by the latest one where it shows
another deployment, else by the next one, since the platform may refuse a log before the list shows
why. Words are a hint alone.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

from exporter.model import App

HAND_OVER_SECONDS = 120.0
"""A log of the active deployment may be refused for so long where another is under way."""

_RUNNING_PHASES = frozenset({"ACTIVE", "UNKNOWN"})
_SAYS_ENDED = re.compile(r"running logs|final_cleanup|in phase|not (?:active|running)|superseded")


@dataclass(frozen=True, slots=True)
class _Refusal:
    """The first refusal of a log: when, and how many lists of apps had been begun by then."""

    at: float
    lists_begun: int


class Refusals:
    """Judges refused logs by the lists of apps; safe to share between threads.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._apps: dict[str, App] = {}
        self._begun = 0
        self._listed = 0  # the number of the latest list that came
        self._refused: dict[tuple[str, str], _Refusal] = {}

    def begin_list(self) -> int:
        """Note that a list of apps is asked for; return its number."""
        with self._lock:
            self._begun += 1
            return self._begun

    def listed(self, number: int, apps: Iterable[App]) -> None:
        """Take in the list of that number."""
        with self._lock:
            self._apps = {app.id: app for app in apps}
            self._listed = max(self._listed, number)
            self._refused = {
                key: refusal for key, refusal in self._refused.items() if self._runs(*key)
            }

    def served(self, app_id: str, deployment_id: str) -> None:
        """Note that a log of a deployment was not refused."""
        with self._lock:
            self._refused.pop((app_id, deployment_id), None)

    def has_ended(self, app_id: str, deployment_id: str, words: str) -> bool:
        """Return whether a run-time log that was refused belongs to a deployment that has ended.

        True as well while that cannot be known: until a list of apps that was asked for after the
        first refusal has come, and for at most ``HAND_OVER_SECONDS`` where another deployment is
        under way or the refusal's words say so.

        Args:
            words: what the refusal says.
        """
        with self._lock:
            if not self._runs(app_id, deployment_id):
                return True
            first = self._refused.setdefault(
                (app_id, deployment_id), _Refusal(self._clock(), self._begun)
            )
            if self._listed <= first.lists_begun:
                return True
            hand_over = bool(self._apps[app_id].under_way) or _SAYS_ENDED.search(words.lower())
            return bool(hand_over) and self._clock() - first.at < HAND_OVER_SECONDS

    def _runs(self, app_id: str, deployment_id: str) -> bool:
        """Whether the latest list shows a deployment as active, or shows nothing of its app."""
        app = self._apps.get(app_id)
        if app is None:
            return not self._listed
        active = app.active_deployment
        if active is None or active.id != deployment_id:
            return False
        return active.phase in _RUNNING_PHASES
