"""Routes the records of a request to the components of the accounts that they are of.

A record names app and component, never the account; where accounts have apps of one name, the
first segment of the request's path says which one is meant.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from exporter.errors import RequestRefused
from exporter.model import ComponentKey
from exporter.receiving.records import Batch, Format, lines_of, rfc3339
from exporter.receiving.unknown import UnknownLines

LOG = logging.getLogger(__name__)

NOT_READY_SECONDS = 5
"""After what time a sender may try again that came before the first discovery."""


class Taken(NamedTuple):
    """What became of the lines of one request that are of one account."""

    counted: int
    repeated: int


class Inbox(Protocol):
    """What takes the lines of one account."""

    def ready(self) -> bool:
        """Whether it is known which components there are."""

    def knows(self, key: ComponentKey) -> bool:
        """Whether a component is watched."""

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Taken:
        """Count lines, and keep that; a batch that was counted before is not counted again.

        Args:
            digest: of the batch that they are of.
            lines: those of each component in order, with the platform's prefix.

        Raises:
            RequestRefused: they could not be kept.
        """


class IntakeMetrics(Protocol):
    """The interface to which requests are reported."""

    def lines(self, format: Format, counted: int, repeated: int, unknown: int) -> None:
        """So many lines came in one request."""

    def refused(self, format: Format, kind: str) -> None:
        """A request was not taken."""


class Intake:
    """Counts what requests hold.

    Args:
        inboxes: those of all accounts, by the name of each; empty where it has none.
        own_mark: a text that only this process logs, once at its start: the component that pushes
            it is the exporter itself.
        clock: Unix seconds.
    """

    def __init__(
        self,
        inboxes: Callable[[], Mapping[str, Inbox]],
        metrics: IntakeMetrics,
        own_mark: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._own_mark = own_mark
        self._own: ComponentKey | None = None
        self._inboxes = inboxes
        self._metrics = metrics
        self._clock = clock
        self._unknown = UnknownLines()
        self._lock = threading.Lock()

    def take(self, batch: Batch, account: str) -> int:
        """Count the records of a batch.

        Args:
            account: the name of an account, where the request may have named one.

        Returns:
            How many lines are of no component that is watched.

        Raises:
            RequestRefused: nothing of it is counted; it should be sent again.
        """
        inboxes = self._inboxes()
        if account in inboxes and account:
            inboxes = {account: inboxes[account]}
        if not inboxes or not all(inbox.ready() for inbox in inboxes.values()):
            reason = "the exporter does not know its apps yet; try again"
            raise RequestRefused("unavailable", reason, 503, retry_after=NOT_READY_SECONDS)
        lines = self._by_component(batch)
        if self._own is not None:
            lines.pop(self._own, None)
        owners = {key: _owner(key, inboxes) for key in lines}
        counted = repeated = 0
        for name, inbox in inboxes.items():
            of_account = {key: lines[key] for key, owner in owners.items() if owner == name}
            if of_account:
                taken = inbox.take(batch.digest, of_account)
                counted, repeated = counted + taken.counted, repeated + taken.repeated
        unknown = {key: lines[key] for key, owner in owners.items() if owner is None}
        missing = sum(map(len, unknown.values()))
        if unknown:
            with self._lock:
                self._unknown.add(batch.digest, unknown, self._clock())
        self._metrics.lines(batch.format, counted, repeated, missing)
        return missing

    def retry_unknown(self) -> None:
        """Count kept lines of components that are watched by now; to be called after discovery."""
        inboxes = self._inboxes()
        with self._lock:
            self._unknown.expire(self._clock())
            owners = {key: _owner(key, inboxes) for key in self._unknown}
            kept = [
                (inboxes[owner], key, self._unknown.pop(key))
                for key, owner in owners.items()
                if owner is not None
            ]
        for inbox, key, batches in kept:
            for digest, raws in batches.items():
                try:
                    inbox.take(digest, {key: raws})
                except RequestRefused:  # it has gone meanwhile, or its lines could not be kept
                    with self._lock:
                        self._unknown.add(digest, {key: raws}, self._clock())

    def note_refusal(self, format: Format, error: RequestRefused) -> None:
        """Count a request of which nothing was taken."""
        self._metrics.refused(format, error.kind)

    def _by_component(self, batch: Batch) -> dict[ComponentKey, list[bytes]]:
        """The lines of a batch, each with the prefix that the platform writes before lines."""
        now, mark = rfc3339(int(self._clock() * 1_000_000_000)), self._own_mark
        by_names: dict[tuple[str, str], list[bytes]] = defaultdict(list)
        for app, component, written, text in batch.records:
            if mark in text:
                self._find_itself(ComponentKey(app, component))
            raws = by_names[app, component]
            for line in lines_of(text):
                raws.append(f"{component} {written or now} {line}".encode("utf-8", "replace"))
        return {ComponentKey(*names): raws for names, raws in by_names.items()}

    def _find_itself(self, key: ComponentKey) -> None:
        """The exporter's own log is pushed to it: counting it would write to it, and so on."""
        if key != self._own:
            self._own = key
            LOG.warning(
                "the exporter's own log is pushed to it and not counted: take the log destination "
                "out of its own app spec",
                extra={"fields": {"source": key}},
            )


def _owner(key: ComponentKey, inboxes: Mapping[str, Inbox]) -> str | None:
    """The name of the account that a component is of; None where that is none, or not certain."""
    owners = [name for name, inbox in inboxes.items() if inbox.knows(key)]
    return owners[0] if len(owners) == 1 else None
