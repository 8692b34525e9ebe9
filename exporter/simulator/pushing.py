"""Sends what a ``Forwarder`` has to an endpoint over HTTP, in a thread, until it is stopped."""

import random
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urljoin

import requests

from exporter.simulator.forwarding import Forwarder, Habits
from exporter.simulator.platform import Platform

FLUSH_SECONDS = 1.0
"""How often an agent sends: fluent-bit's own default."""

TIMEOUT_SECONDS = 10.0
BULK_PATH = "_bulk"


class Pusher:
    """The agents of a platform, each line to one endpoint; a context manager, to be used once.

    Args:
        url: the endpoint, with user and password where it wants them: ``https://U:P@HOST:PORT``.
        ca_file: certificates to trust in place of the system's.
    """

    def __init__(
        self,
        platform: Platform,
        url: str,
        rng: random.Random,
        habits: Habits,
        *,
        ca_file: str | None = None,
    ) -> None:
        self._url = urljoin(url.rstrip("/") + "/", BULK_PATH)
        self._session = requests.Session()
        self._session.verify = ca_file or True
        self.forwarder = Forwarder(self._send, rng, habits)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pusher", daemon=True)
        platform.forward(self.forwarder.written)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._session.close()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.forwarder.step()

    def _send(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            answer = self._session.post(
                self._url, data=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
            # The agent looks into a good answer too: a document that was not taken comes again.
            return answer.status_code if not answer.json().get("errors") else 0
        except (requests.RequestException, ValueError):
            return 0
