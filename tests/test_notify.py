"""What is told of events: to a real server, in order, and never at the cost of counting."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import LIMIT_SECONDS, wait_for

from exporter.model import Notification, NotifyEvent
from exporter.notify import outbox
from exporter.notify.outbox import Outbox, Outcome, Receiver
from exporter.notify.payloads import MAX_LINE_CHARS, MAX_LINES, MAX_TEXT_CHARS, Payloads, bounded

NOW = 1_793_491_260.0
CRASH = Notification(
    event=NotifyEvent.CRASH,
    app="shop",
    component="web",
    reason="out_of_memory",
    at=NOW - 60,
    lines=("fatal: out of memory",),
    exit_code=137,
    deployment_age=7200.0,
)


class Counts:
    """What was counted, for a test to await."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []

    def note(self, receiver: Receiver, outcome: Outcome) -> None:
        self.noted.append((receiver, outcome))


@contextmanager
def receiver(*statuses: int) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A server that answers with these statuses in turn, the last one again and again."""
    received: list[tuple[str, Any]] = []
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, json.loads(body)))
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", received
        finally:
            server.shutdown()
            thread.join()


def ticking() -> Callable[[], float]:
    """A clock that is a second later whenever it is asked."""
    seconds = count()
    return lambda: float(next(seconds))


@contextmanager
def sending(
    counts: Counts, alertmanagers: list[str], webhooks: list[str], url: str = ""
) -> Iterator[Outbox]:
    made = Outbox(alertmanagers, webhooks, Payloads(url), counts, lambda: NOW, ticking())
    made.start()
    try:
        yield made
    finally:
        made.stop(10.0)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event is tried some fifty times: the clock is a second later whenever it is asked."""
    monkeypatch.setattr(outbox, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(outbox, "LONGEST_WAIT", 0.01)
    monkeypatch.setattr(outbox, "PATIENCE", 50.0)


def test_an_alert_has_the_words_and_labels_that_make_events_of_a_kind_one() -> None:
    """What differs between two crashes of a kind stands in annotations and times alone."""
    alert = Payloads("https://exporter.example.com").alert(CRASH, NOW)

    assert alert["labels"] == {
        "alertname": "DoAppCrashed",
        "kind": "crash",
        "app": "shop",
        "component": "web",
        "reason": "out_of_memory",
        "severity": "warning",
    }
    assert alert["annotations"]["lines"] == "fatal: out of memory"
    assert (
        "Exit code 137. The active deployment was 2 h old." in alert["annotations"]["description"]
    )
    assert alert["generatorURL"] == "https://exporter.example.com/components/shop/web"
    assert alert["startsAt"] == "2026-11-01T00:00:00.000Z"
    assert alert["endsAt"] == "2026-11-01T00:16:00.000Z"


def test_a_document_has_all_that_is_known() -> None:
    document = Payloads().document(CRASH)

    assert document == {
        "version": "1",
        "event": "crash",
        "severity": "warning",
        "account": None,
        "app": "shop",
        "component": "web",
        "reason": "out_of_memory",
        "exit_code": 137,
        "at": "2026-11-01T00:00:00.000Z",
        "deployment_age_seconds": 7200.0,
        "summary": "A container of shop/web ended: out of memory",
        "lines": ["fatal: out of memory"],
        "url": None,
    }


@given(st.lists(st.text(max_size=2 * MAX_LINE_CHARS), max_size=40))
def test_lines_stay_within_bounds_and_the_last_ones_are_kept(lines: list[str]) -> None:
    kept = bounded(tuple(lines))

    assert len(kept) <= MAX_LINES
    assert sum(len(line) + 1 for line in kept) <= MAX_TEXT_CHARS
    assert [line[: MAX_LINE_CHARS - 1] for line in kept] == [
        line[: MAX_LINE_CHARS - 1] for line in lines[len(lines) - len(kept) :]
    ]
    if lines:
        assert kept


def test_every_receiver_is_told_once_of_each_event_in_order() -> None:
    counts = Counts()
    events = [CRASH, Notification(NotifyEvent.DEPLOYMENT_FAILED, "shop", "", "BuildJobFailed", NOW)]
    with (
        receiver(200) as (manager, alerts),
        receiver(204) as (hook, documents),
        sending(counts, [manager], [f"{hook}/services/x"]) as made,
    ):
        for event in events:
            made.put(event)
        wait_for(lambda: len(counts.noted) == 4, 60)
    assert [path for path, _ in alerts] == ["/api/v2/alerts"] * 2
    assert [body[0]["labels"]["kind"] for _, body in alerts] == ["crash", "deployment_failed"]
    assert [path for path, _ in documents] == ["/services/x"] * 2
    assert [body["component"] for _, body in documents] == ["web", None]
    assert set(counts.noted) == {("alertmanager", "sent"), ("webhook", "sent")}


@pytest.mark.found(
    "a receiver that was away for half a minute, as at its own restart, was never told",
    how="the waits between attempts were added up",
)
def test_a_receiver_that_fails_for_a_time_is_told_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log says once that it fails, and that it works again."""
    caplog.set_level("INFO")
    counts = Counts()
    with (
        receiver(500, 503, 502, 504, 200) as (hook, documents),
        sending(counts, [], [hook]) as made,
    ):
        made.put(CRASH)
        wait_for(lambda: counts.noted, 60)
    assert len(documents) == 5
    assert counts.noted == [("webhook", "sent")]
    assert [record.message for record in caplog.records] == [
        "notification not sent, trying again",
        "notifications are sent again",
    ]


def test_an_event_is_tried_for_five_minutes_at_the_shipped_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Waits double up to half a minute; then the next event has its turn."""
    monkeypatch.undo()
    waited: list[float] = []
    counts = Counts()
    made = Outbox([], ["http://127.0.0.1:9"], Payloads(), counts, lambda: NOW, lambda: sum(waited))
    monkeypatch.setattr(made._stopped, "wait", lambda wait: waited.append(wait))
    made.put(CRASH)
    made.start()
    wait_for(lambda: counts.noted, 60)
    made.stop(10.0)
    assert counts.noted == [("webhook", "failed")]
    assert waited == [1.0, 2.0, 4.0, 8.0, 16.0, *[30.0] * 8]


def test_an_answer_without_an_end_holds_nothing_up() -> None:
    """Its status is all that is read of it."""
    released = threading.Event()

    class Endless(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            released.wait(LIMIT_SECONDS)

        def log_message(self, format: str, *args: object) -> None:
            pass

    counts = Counts()
    with ThreadingHTTPServer(("127.0.0.1", 0), Endless) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            with sending(counts, [], [url]) as made:
                made.put(CRASH)
                made.put(CRASH)
                wait_for(lambda: len(counts.noted) == 2, 60)
        finally:
            released.set()
            server.shutdown()
            thread.join()
    assert counts.noted == [("webhook", "sent")] * 2


def test_a_receiver_that_refuses_is_not_asked_again() -> None:
    counts = Counts()
    with receiver(400) as (hook, documents), sending(counts, [], [hook]) as made:
        made.put(CRASH)
        wait_for(lambda: counts.noted, 60)
    assert len(documents) == 1
    assert counts.noted == [("webhook", "failed")]


def test_a_receiver_that_is_away_keeps_no_other_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its address, which may be a secret, is in no log line."""
    counts = Counts()
    with receiver(200) as (hook, documents):
        away = "http://127.0.0.1:9/services/secret"
        with sending(counts, [], [away, hook]) as made:
            for _ in range(3):
                made.put(CRASH)
            wait_for(lambda: len(counts.noted) == 6, 60)
    assert len(documents) == 3
    assert sorted(outcome for _, outcome in counts.noted) == ["failed"] * 3 + ["sent"] * 3
    assert [record.message for record in caplog.records] == [
        "notification not sent, trying again",
        "notification not sent, giving it up",
    ]
    assert "secret" not in caplog.text


def test_of_too_many_events_the_oldest_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "QUEUED", 2)
    counts = Counts()
    with receiver(200) as (hook, documents):
        made = Outbox([], [hook], Payloads(), counts, lambda: NOW)
        for number in range(5):
            made.put(Notification(NotifyEvent.CRASH, "shop", str(number), "exit", NOW))
        made.start()
        wait_for(lambda: len(counts.noted) == 5, 60)
        made.stop(10.0)
    assert [body["component"] for _, body in documents] == ["3", "4"]
    assert [outcome for _, outcome in counts.noted] == ["failed"] * 3 + ["sent"] * 2
