"""What a test asserts in which seconds count, and what it says on a machine that stands still.

Where rules are made sixty times as fast, a machine that stops for ten seconds is an outage of ten
minutes to them, and they are right to say so: such a run shows nothing about the product.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests
from exporter_process import ExporterProcess

PAUSE_SECONDS = 0.2
LATE_SECONDS = 2.0


class _Watch:
    """Asks a program again and again, and remembers the longest that took."""

    def __init__(self, exporter: ExporterProcess) -> None:
        self._url = f"{exporter.url}/-/healthy"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.latest = 0.0

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._over.is_set():
                asked = time.monotonic()
                try:
                    session.get(self._url, timeout=60)
                except requests.RequestException:
                    return  # it was ended
                self._over.wait(PAUSE_SECONDS)
                self.latest = max(self.latest, time.monotonic() - asked - PAUSE_SECONDS)


@contextmanager
def judged_if_steady(exporter: ExporterProcess) -> Iterator[None]:
    """Fail as any test does, but skip it if meanwhile the machine kept an answer waiting."""
    with _Watch(exporter) as watch:
        try:
            yield
        except AssertionError as error:
            if watch.latest > LATE_SECONDS:
                pytest.skip(f"the machine stood still for {watch.latest:.1f} s: {error}"[:300])
            raise
