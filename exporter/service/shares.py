"""The shares that run in this process: each is an account restricted to a part of its apps.

A share is loaded and ended by worker threads, since both may wait for the database; whether it is
shown changes at once.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock

from exporter.errors import ExporterError
from exporter.replicas.holdings import Happened, Report
from exporter.replicas.layout import Share
from exporter.service.account import Account
from exporter.state.coordination import Claim
from exporter.telemetry.internal_errors import InternalErrors, ReplicaPart

LOG = logging.getLogger(__name__)

WORKERS = 4
"""How many shares are loaded or ended at the same time."""

Build = Callable[[Share, Claim, Callable[[], None]], Account]
"""Builds a share for a claim; the last argument is called once a save is refused."""


@dataclass(slots=True)
class _Running:
    """A share with the claim that it was started for."""

    share: Share
    claim: Claim
    opened: Event = field(default_factory=Event)
    account: Account | None = None
    withdrawn: bool = False


class Shares:
    """Starts and ends shares.

    Args:
        build: makes the account of a share.
        report: takes what happens to a share.
        internal_errors: counts what nobody foresaw.
    """

    def __init__(
        self, build: Build, report: Callable[[Report], None], internal_errors: InternalErrors
    ) -> None:
        self._build = build
        self._report = report
        self._internal_errors = internal_errors
        self._lock = Lock()
        self._running: dict[Share, _Running] = {}
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="share")

    def shown(self) -> dict[Share, Account]:
        """The shares that are loaded, in order."""
        with self._lock:
            return {
                share: running.account
                for share, running in sorted(self._running.items())
                if running.account is not None
            }

    def start(self, share: Share, claim: Claim) -> None:
        """Load a share and read its apps; ``FAILED`` is reported if that cannot be done."""
        running = _Running(share, claim)
        with self._lock:
            self._running[share] = running
        self._workers.submit(self._open, running)

    def withdraw(self, share: Share, claim: Claim, *, save: bool) -> None:
        """Show a share no longer from now on, then end it.

        Args:
            save: save what was counted, and report ``ENDED`` then, or ``FAILED`` where it could
                not be ended.
        """
        with self._lock:
            running = self._running.get(share)
            if running is None or running.claim != claim:
                return
            del self._running[share]
            running.withdrawn = True
        self._workers.submit(self._end, running, save)

    def close(self) -> None:
        """Begin nothing more; what is under way ends by itself."""
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _open(self, running: _Running) -> None:
        """Load a share; it is shown and read from then on, unless it was withdrawn meanwhile."""
        share = running.share.namespace
        try:
            if running.withdrawn:
                return
            with self._internal_errors.translated(ReplicaPart.SHARES, ExporterError, start=share):
                account = self._build(running.share, running.claim, partial(self._fenced, running))
                with self._lock:
                    running.account = account
                    wanted = not running.withdrawn
                if wanted:
                    account.start()
        except ExporterError as error:
            LOG.error("cannot start a share", extra={"fields": {"share": share, "problem": error}})
            self._report(Report(running.share, running.claim, Happened.FAILED))
        finally:
            running.opened.set()

    def _end(self, running: _Running, save: bool) -> None:
        """End a share; where that fails, what was not saved is read again by the next owner."""
        running.opened.wait()
        share = running.share.namespace
        happened = Happened.ENDED
        try:
            if running.account is not None:
                with self._internal_errors.translated(ReplicaPart.SHARES, end=share):
                    running.account.stop(save=save)
        except ExporterError as error:
            LOG.error("cannot end a share", extra={"fields": {"share": share, "problem": error}})
            happened = Happened.FAILED
        if save:
            self._report(Report(running.share, running.claim, happened))

    def _fenced(self, running: _Running) -> None:
        """A save was refused: show the share no longer from this moment on."""
        LOG.error(
            "a save was refused: another replica owns the share",
            extra={"fields": {"share": running.share.namespace}},
        )
        self.withdraw(running.share, running.claim, save=False)
        self._report(Report(running.share, running.claim, Happened.FENCED))
