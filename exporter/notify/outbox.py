"""Sends events to their receivers, from a thread of its own: nothing here holds up counting."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import requests

from exporter.model import Notification
from exporter.notify.payloads import Payloads

LOG = logging.getLogger(__name__)

QUEUED = 1000
"""So many events wait at the most; of more the oldest are given up."""

PATIENCE = 300.0
"""Seconds for which an event is tried: about as long as a receiver takes to come back."""

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
TIMEOUT = 10.0
_TRYING = "notification not sent, trying again"
_GIVING_UP = "notification not sent, giving it up"
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Receiver(StrEnum):
    """Who is notified: the values of the label ``receiver``."""

    ALERTMANAGER = "alertmanager"
    WEBHOOK = "webhook"


class Outcome(StrEnum):
    """What became of an attempt to tell somebody: the value of the label ``outcome``."""

    SENT = "sent"
    FAILED = "failed"


class Counts(Protocol):
    """What is counted of notifications."""

    def note(self, receiver: Receiver, outcome: Outcome) -> None:
        """A notification reached a receiver, or was given up."""


@dataclass(slots=True)
class _Address:
    """One receiver with what waits for it: a slow one holds up no other."""

    receiver: Receiver
    url: str
    waiting: deque[tuple[Notification, float]] = field(default_factory=deque)
    trouble: str = ""  # what was last logged of it, empty while all is well


class Outbox:
    """Tells every configured receiver of every event, in order.

    Args:
        alertmanager_urls: base addresses of Alertmanagers.
        webhook_urls: addresses that documents are posted to.
        clock: Unix seconds.
        monotonic: seconds of a clock that nobody sets.
    """

    def __init__(
        self,
        alertmanager_urls: Sequence[str],
        webhook_urls: Sequence[str],
        payloads: Payloads,
        counts: Counts,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._addresses = [
            *(_Address(Receiver.ALERTMANAGER, url) for url in alertmanager_urls),
            *(_Address(Receiver.WEBHOOK, url) for url in webhook_urls),
        ]
        self._payloads = payloads
        self._counts = counts
        self._clock = clock
        self._monotonic = monotonic
        self._news = threading.Condition()
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._serve, args=[address], name="notify", daemon=True)
            for address in self._addresses
        ]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def put(self, event: Notification) -> None:
        """Send an event soon; returns at once."""
        with self._news:
            for address in self._addresses:
                address.waiting.append((event, self._monotonic()))
                if len(address.waiting) > QUEUED:
                    address.waiting.popleft()
                    self._counts.note(address.receiver, Outcome.FAILED)
            self._news.notify_all()

    def stop(self, timeout: float) -> None:
        """Send what waits, as far as that is possible in so many seconds at the first attempt."""
        with self._news:
            self._stopped.set()
            self._news.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout)

    def _serve(self, address: _Address) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: address.waiting or self._stopped.is_set())
                if not address.waiting:
                    return
                event, since = address.waiting.popleft()
            self._send(address, event, since)

    def _send(self, address: _Address, event: Notification, since: float) -> None:
        """Send one event, again and again while there is patience, and count how that ended."""
        wait = FIRST_WAIT
        while True:
            problem, again = self._post(address, event)
            if not problem:
                self._counts.note(address.receiver, Outcome.SENT)
                self._log(address, "", "")
                return
            last = not again or self._monotonic() - since + wait > PATIENCE
            if not last:
                self._log(address, _TRYING, problem)
            if last or self._stopped.wait(wait):
                break
            wait = min(2 * wait, LONGEST_WAIT)
        self._counts.note(address.receiver, Outcome.FAILED)
        self._log(address, _GIVING_UP, problem)

    def _post(self, address: _Address, event: Notification) -> tuple[str, bool]:
        """Send once; returns what is wrong, empty if nothing is, and whether to try again."""
        body: Any
        if address.receiver is Receiver.ALERTMANAGER:
            url = f"{address.url.rstrip('/')}/api/v2/alerts"
            body = [self._payloads.alert(event, self._clock())]
        else:
            url, body = address.url, self._payloads.document(event)
        try:
            # The body of the answer says nothing, and may have no end: it is not read.
            with requests.post(
                url, json=body, timeout=TIMEOUT, allow_redirects=False, stream=True
            ) as answer:
                status = answer.status_code
        except requests.RequestException as error:
            return type(error).__name__, True
        if status < 300:
            return "", False
        return f"status {status}", status in _TRY_AGAIN

    def _log(self, address: _Address, trouble: str, problem: str) -> None:
        """Log a trouble once, however many events meet it, and when all is well again.

        The address may hold a credential, so it is not logged.
        """
        fields = {"receiver": address.receiver, "problem": problem}
        if trouble and address.trouble not in (trouble, _GIVING_UP):
            LOG.warning(trouble, extra={"fields": fields})
            address.trouble = trouble
        elif not trouble and address.trouble:
            LOG.info("notifications are sent again", extra={"fields": fields})
            address.trouble = ""
