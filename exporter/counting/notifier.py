"""Makes notifications of what counting finds, and hands them out once it is kept."""

from collections.abc import Callable, Collection, Sequence
from functools import partial

from exporter.counting.component import WatchedComponent
from exporter.counting.ledger import Ledger
from exporter.logs.redaction import redact_lines
from exporter.model import ComponentKey, Notification, NotifyEvent

PER_HOUR = 20
"""Notifications of new error groups of one component in an hour: further ones add nothing."""

LINES = 15


class Notifier:
    """Sends notifications of the events of one account; called within a transaction.

    Where state is durable an event is saved before it is sent, so a restart sends none twice.

    Args:
        put: takes a notification, at once.
        events: the kinds of event that are sent.
        excerpts: whether the text of lines may leave the program.
        clock: Unix seconds.
    """

    def __init__(
        self,
        put: Callable[[Notification], None],
        events: Collection[NotifyEvent],
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        excerpts: bool,
    ) -> None:
        self._put = put
        self._events = frozenset(events)
        self._ledger = ledger
        self._clock = clock
        self._excerpts = excerpts
        self._deployed: dict[str, float] = {}

    def deployed(self, app: str, at: float | None) -> None:
        """The active deployment of an app became active then; None where that is not known."""
        if at is None:
            self._deployed.pop(app, None)
        else:
            self._deployed[app] = at

    def crash(
        self,
        key: ComponentKey,
        reason: str,
        at: float,
        last_words: Sequence[bytes],
        exit_code: int | None = None,
    ) -> None:
        """A container ended at a time (Unix seconds)."""
        self._tell(NotifyEvent.CRASH, key.app, key.component, reason, at, last_words, exit_code)

    def new_error_group(
        self, component: WatchedComponent, level: str, sample: str, at: float
    ) -> None:
        """An error of a kind that was never seen was logged at a time (Unix seconds)."""
        sent, key, now = component.new_groups, component.key, self._clock()
        while sent and now - sent[0] > 3600:
            sent.popleft()
        if len(sent) < PER_HOUR:
            sent.append(now)
            words = [sample.encode()]
            self._tell(NotifyEvent.NEW_ERROR_GROUP, key.app, key.component, level, at, words)

    def deployment_failed(
        self, app: str, reason: str, at: float, words: Sequence[bytes] = ()
    ) -> None:
        """A deployment ended in ERROR at a time (Unix seconds); ``words`` are the platform's."""
        self._tell(NotifyEvent.DEPLOYMENT_FAILED, app, "", reason, at, words)

    def job_failed(
        self,
        key: ComponentKey,
        reason: str,
        at: float,
        last_words: Sequence[bytes] = (),
        exit_code: int | None = None,
    ) -> None:
        """An invocation of a scheduled job failed at a time (Unix seconds)."""
        event = NotifyEvent.JOB_FAILED
        self._tell(event, key.app, key.component, reason, at, last_words, exit_code)

    def _tell(
        self,
        event: NotifyEvent,
        app: str,
        component: str,
        reason: str,
        at: float,
        last_words: Sequence[bytes] = (),
        exit_code: int | None = None,
    ) -> None:
        if event not in self._events:
            return
        texts = (message.decode("utf-8", "replace") for message in last_words[-LINES:])
        deployed = self._deployed.get(app)
        notification = Notification(
            event=event,
            app=app,
            component=component,
            reason=reason,
            at=at,
            lines=tuple(redact_lines(texts)) if self._excerpts else (),
            exit_code=exit_code,
            deployment_age=None if deployed is None else max(0.0, at - deployed),
        )
        self._ledger.after_commit(partial(self._put, notification))
