"""A judge of several replicas: it scrapes all of them all the time, as Prometheus would.

It knows when each request was sent and when its answer had come. So it can tell for sure that a
series stood on two replicas at one time, or that a counter fell, however slow the machine is.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import requests
from waiting import LIMIT_SECONDS

EVERY_SECONDS = 0.5
TIMEOUT_SECONDS = LIMIT_SECONDS

COUNTERS = (
    "digitalocean_app_log_lines_total",
    "digitalocean_app_log_bytes_total",
    "digitalocean_app_log_matches_total",
    "digitalocean_app_log_gaps_total",
    "digitalocean_app_restarts_total",
)
"""What a move of a share may not take back."""

OWNED = "digitalocean_app_exporter_share_owned"

_WATCHED = tuple(f"{name}{{" for name in (*COUNTERS, OWNED))

Series = str
"""A metric and its labels as the exposition writes them."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The value of a series in an answer, with when it was asked for and when it had come."""

    sent: float
    received: float
    value: float


@dataclass(slots=True)
class Run:
    """Answers of one replica, one after another, that all have a series."""

    seen: list[Seen] = field(default_factory=list)

    def overlaps(self, other: "Run") -> float:
        """Seconds for which both surely had the series."""
        begin = max(self.seen[0].received, other.seen[0].received)
        return min(self.seen[-1].sent, other.seen[-1].sent) - begin


class Judge:
    """Scrapes replicas from when they are added until it is left; a context manager."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._runs: dict[Series, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
        self._lock = threading.Lock()
        self.scrapes = 0

    def add(self, url: str) -> None:
        """Scrape one more replica."""
        thread = threading.Thread(target=self._scrape, args=(url,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS)

    def faults(self) -> list[str]:
        """Every series that surely stood on two replicas at one time, and every counter that fell.

        Call it once the judge was left.
        """
        found = []
        for series, replicas in self._runs.items():
            runs = [(url, run) for url, runs in replicas.items() for run in runs if run.seen]
            for at, (url, run) in enumerate(runs):
                for other_url, other in runs[at + 1 :]:
                    if other_url != url and (both := run.overlaps(other)) > 0:
                        found.append(f"{series} on {url} and {other_url} for {both:.3f} s")
            if not series.startswith(OWNED):
                found += self._falls(series, [seen for _, run in runs for seen in run.seen])
        return found

    def _falls(self, series: Series, seen: list[Seen]) -> list[str]:
        """A value that is lower than one that had come before it was asked for."""
        by_received = sorted(seen, key=lambda each: each.received)
        highest, at, found = 0.0, 0, []
        for each in sorted(seen, key=lambda each: each.sent):
            while at < len(by_received) and by_received[at].received < each.sent:
                highest = max(highest, by_received[at].value)
                at += 1
            if each.value < highest:
                found.append(f"{series} fell from {highest} to {each.value}")
        return found

    def _scrape(self, url: str) -> None:
        session = requests.Session()
        session.trust_env = False
        while not self._stop.wait(EVERY_SECONDS):
            sent = time.monotonic()
            try:
                answer = session.get(f"{url}/metrics", timeout=TIMEOUT_SECONDS)
            except requests.RequestException:
                self._take(url, sent, {})
                continue
            received = time.monotonic()
            self._take(url, sent, _series(answer.text), received)

    def _take(
        self, url: str, sent: float, series: Mapping[Series, float], received: float = 0.0
    ) -> None:
        with self._lock:
            self.scrapes += 1
            for key, value in series.items():
                runs = self._runs[key][url]
                if not runs or not runs[-1].seen:
                    runs.append(Run())
                runs[-1].seen.append(Seen(sent, received, value))
            for key, replicas in self._runs.items():
                if key not in series and replicas.get(url) and replicas[url][-1].seen:
                    replicas[url].append(Run())


def _series(text: str) -> dict[Series, float]:
    found = {}
    for line in text.split("\n"):
        if line.startswith(_WATCHED):
            series, _, value = line.rpartition(" ")
            if not series.startswith(OWNED) or float(value):
                found[series] = float(value)
    return found
