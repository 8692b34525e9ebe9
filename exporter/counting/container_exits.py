"""Container ends of every component: each counted once, by its reason and by its exit code.

The account of each deployment is kept as a document beside the counts that change with it, so that
an end which was counted before the exporter restarted is not counted again.
"""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from exporter.counting.crashes import Crashes
from exporter.counting.notifier import Notifier
from exporter.counting.series import Series
from exporter.errors import StateError
from exporter.logs.lines import NANOSECONDS, message_of, timestamp_of
from exporter.logs.platform_lines import end_reason, exit_line, exit_lines
from exporter.logs.restarts.container_ends import ContainerEnd
from exporter.logs.restarts.exit_account import ExitAccount, Told
from exporter.model import Component, ComponentKey, ComponentKind, RestartReason
from exporter.state.store import CursorKey

LOG = logging.getLogger(__name__)

KIND = "exits"
"""The kind of the documents; each is named for its deployment."""

_HIGHEST_CODE = 255
_WORDS = 200
"""Lines before an exit line in which its reason is looked for."""


class ContainerExits:
    """Counts container ends; used under the ledger's lock.

    Args:
        restarts_watched: whether RUN_RESTARTED is read. If not, exit lines count at once.
        run_watched: whether RUN is read. If not, containers do not wait for their exit code.
        unwrap: takes off a message what stands around the program's words.
        clock: Unix seconds.
    """

    def __init__(
        self,
        series: Series,
        crashes: Crashes,
        notifier: Notifier,
        *,
        restarts_watched: bool,
        run_watched: bool,
        unwrap: Callable[[bytes], bytes] | None,
        clock: Callable[[], float],
    ) -> None:
        self._series = series
        self._metrics = series.metrics
        self._ledger = series.ledger
        self._crashes = crashes
        self._notifier = notifier
        self._restarts_watched = restarts_watched
        self._run_watched = run_watched
        self._unwrap = unwrap
        self._clock = clock

    def waiting(self, key: ComponentKey) -> bool:
        """Whether exit lines of a component wait for RUN_RESTARTED to show their container."""
        return any(account.waiting for account in self._accounts(key))

    def unexplained(self, key: ComponentKey) -> bool:
        """Whether containers of a component wait for RUN to show a line with their exit code."""
        return any(account.unexplained for account in self._accounts(key))

    def take(self, cursor: CursorKey, component: Component, raws: Sequence[bytes]) -> None:
        """Take in new lines of a deployment's run-time logs: some may report exits."""
        found = exit_lines(raws)
        if not found:
            return
        account = self._of(cursor)
        for position, line in found:
            time = timestamp_of(raws[position]) or int(self._clock() * NANOSECONDS)
            # Before the line of another instance stand words that are not its own.
            alone = component.instance_count == 1
            words = raws[max(0, position - _WORDS) : position] if alone else ()
            reason = end_reason(self._messages(words), line.code)
            new = account.tell(
                line, time, reason, instances=component.instance_count, now=self._clock()
            )
            if new:
                code = str(line.code) if line.code <= _HIGHEST_CODE else "other"
                self._ledger.add(self._metrics.container_exits, (*cursor.component.parts, code), 1)
        self._explain(cursor, None)
        for shown in account.shown:
            if shown.code is not None:
                self._crashes.complete(cursor.component, shown.time, shown.line, shown.code)
        self._keep(cursor)

    def show(self, cursor: CursorKey, containers: Sequence[ContainerEnd], read_at: float) -> None:
        """Count the containers that a whole read of RUN_RESTARTED newly shows.

        One whose reason is known from nothing waits for its exit code, which RUN may show later.

        Args:
            read_at: when the read ended, Unix seconds.
        """
        account = self._of(cursor)
        for container in containers:
            lines = filter(None, map(exit_line, container.last_lines))
            told = next((line.code for line in lines), None)
            news, code = account.show(container.timestamp, read_at, container.line, told)
            words = self._messages(container.last_lines)
            reason = end_reason(words, code)
            self._crashes.add(cursor.component, container, words, reason, code)
            if news and reason is RestartReason.UNKNOWN and self._run_watched:
                account.await_code()
                self._show_latest(cursor.component, container.timestamp)
            elif news:
                self._count(cursor.component, reason, container.timestamp, words, code)
        if containers:
            self._keep(cursor)

    def settle(
        self,
        cursor: CursorKey,
        component: Component,
        *,
        restarted_at: float | None = None,
        run_at: float | None = None,
    ) -> None:
        """Count the ends that one log reports, once the other has had time to report them too.

        Args:
            restarted_at: when a whole read of RUN_RESTARTED began that has just ended (Unix
                seconds); None after a read of another log.
            run_at: up to when all that RUN shows has been read (Unix seconds); None after a read
                of another log.
        """
        account = self._of(cursor)
        if not (account.waiting or account.unexplained):
            return
        self._explain(cursor, run_at)
        if not self._restarts_watched:
            restarted_at = float("inf")
        for told in account.settle(restarted_at, self._clock()):
            if component.kind is not ComponentKind.JOB:  # whose containers end when they are done
                self._count_told(cursor.component, told)
        self._keep(cursor)

    def release(self, cursor: CursorKey) -> None:
        """Drop the account of a deployment that was read to its end.

        Exits that still wait are those of its hand-over, and no restarts. Containers that wait
        for their exit code count without it.
        """
        self._explain(cursor, float("inf"))
        if component := self._series.watched(cursor.component):
            component.exits.pop(cursor.deployment_id, None)
        self._ledger.documents.discard(KIND, cursor.component.parts, cursor.deployment_id)

    def _explain(self, cursor: CursorKey, run_at: float | None) -> None:
        """Count the containers that have their exit code now, or have waited for it in vain."""
        key = cursor.component
        for shown in self._of(cursor).explain(run_at, self._clock()):
            reason = end_reason((), shown.code)
            words = self._crashes.complete(key, shown.time, shown.line, shown.code, reason)
            self._count(key, reason, shown.time, [word.encode() for word in words], shown.code)

    def _count_told(self, key: ComponentKey, told: Told) -> None:
        reason = RestartReason(told.reason)
        end = ContainerEnd(told.code, told.time, (), known=True)
        self._crashes.add(key, end, (), reason, told.code)
        self._count(key, reason, told.time, (), told.code)

    def _count(
        self,
        key: ComponentKey,
        reason: RestartReason,
        time: int,
        words: Sequence[bytes],
        code: int | None,
    ) -> None:
        self._ledger.add(self._metrics.restarts, (*key.parts, reason), 1)
        seconds = self._show_latest(key, time)
        self._notifier.crash(key, reason, seconds, words, code)
        at = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
        LOG.warning(
            "container ended", extra={"fields": {"source": key, "reason": reason, "at": at}}
        )

    def _show_latest(self, key: ComponentKey, time: int) -> float:
        """Publish when the latest container ended; return the time in Unix seconds."""
        seconds = time / NANOSECONDS
        self._series.advance(self._metrics.last_restart_timestamp, key, seconds)
        return seconds

    def _messages(self, raws: Sequence[bytes]) -> Sequence[bytes]:
        messages = map(message_of, raws)
        return tuple(messages if self._unwrap is None else map(self._unwrap, messages))

    def _accounts(self, key: ComponentKey) -> Iterable[ExitAccount]:
        component = self._series.watched(key)
        return component.exits.values() if component else ()

    def _of(self, cursor: CursorKey) -> ExitAccount:
        """Return the account of a deployment of a watched component, as it was kept or empty."""
        component, id = self._series.watched(cursor.component), cursor.deployment_id
        account = component.exits.get(id) if component else None
        if account is None:
            kept = self._ledger.documents.kept(KIND, cursor.component.parts).get(id)
            account = ExitAccount() if kept is None else _read(kept)
            if component:
                component.exits[id] = account
        return account

    def _keep(self, cursor: CursorKey) -> None:
        document = partial(_written, self._of(cursor))
        self._ledger.documents.keep(KIND, cursor.component.parts, cursor.deployment_id, document)


def _written(account: ExitAccount) -> bytes:
    return json.dumps(account.to_json()).encode()


def _read(document: bytes) -> ExitAccount:
    try:
        return ExitAccount.from_json(json.loads(document))
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"an account of container ends cannot be read: {error}") from None
