"""Whose lines a request holds."""

from collections.abc import Mapping

import pytest

from exporter.errors import RequestRefused
from exporter.model import ComponentKey
from exporter.receiving.intake import Intake, Taken
from exporter.receiving.records import Batch, Format, Record

NOW = 1_793_491_200.0
WEB, MAIL = ComponentKey("shop", "web"), ComponentKey("shop", "mail")


class Inbox:
    """Keeps what it is given."""

    def __init__(self, *known: ComponentKey, ready: bool = True) -> None:
        self.known = set(known)
        self.is_ready = ready
        self.taken: list[tuple[ComponentKey, list[bytes]]] = []

    def ready(self) -> bool:
        return self.is_ready

    def knows(self, key: ComponentKey) -> bool:
        return key in self.known

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Taken:
        self.taken += lines.items()
        return Taken(sum(map(len, lines.values())), 0)


class Metrics:
    def __init__(self) -> None:
        self.told: list[tuple[int, int, int]] = []

    def lines(self, format: Format, counted: int, repeated: int, unknown: int) -> None:
        self.told.append((counted, repeated, unknown))

    def refused(self, format: Format, kind: str) -> None:
        raise AssertionError


def batch(*records: Record) -> Batch:
    return Batch(Format.OPEN_SEARCH, records, bytes(16))


def record(key: ComponentKey, text: str = "hello") -> Record:
    return Record(key.app, key.component, "2026-11-01T00:00:00.5Z", text)


def intake(metrics: Metrics, **inboxes: Inbox) -> Intake:
    named = {"" if name == "only" else name: inbox for name, inbox in inboxes.items()}
    return Intake(lambda: named, metrics, "mark-of-this-run", lambda: NOW)


def test_lines_go_to_their_component_with_the_platforms_prefix() -> None:
    inbox, metrics = Inbox(WEB), Metrics()
    untimed = Record("shop", "web", "", "two\nlines\n")

    unknown = intake(metrics, only=inbox).take(batch(record(WEB), record(MAIL), untimed), "")

    assert unknown == 1
    assert metrics.told == [(3, 0, 1)]
    assert inbox.taken == [
        (
            WEB,
            [
                b"web 2026-11-01T00:00:00.5Z hello",
                b"web 2026-11-01T00:00:00.000000000Z two",
                b"web 2026-11-01T00:00:00.000000000Z lines",
            ],
        )
    ]


def test_unknown_lines_count_once_their_component_is_known() -> None:
    inbox = Inbox()
    made = intake(Metrics(), only=inbox)
    made.take(batch(record(WEB)), "")
    made.retry_unknown()
    assert inbox.taken == []
    inbox.known.add(WEB)
    made.retry_unknown()
    made.retry_unknown()
    assert [key for key, _ in inbox.taken] == [WEB]


def test_an_app_of_two_accounts_needs_the_account_in_the_path() -> None:
    ours, theirs = Inbox(WEB), Inbox(WEB)
    made = intake(Metrics(), ours=ours, theirs=theirs)
    assert made.take(batch(record(WEB)), "") == 1
    assert made.take(batch(record(WEB)), "theirs") == 0
    assert (len(ours.taken), len(theirs.taken)) == (0, 1)


def test_nothing_is_taken_before_every_account_knows_its_apps() -> None:
    made = intake(Metrics(), ours=Inbox(WEB), theirs=Inbox(ready=False))
    with pytest.raises(RequestRefused) as refused:
        made.take(batch(record(WEB)), "")
    assert refused.value.status == 503


def test_the_exporters_own_log_is_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Its component is told by the mark that only this run has logged, and logged once."""
    inbox = Inbox(WEB, MAIL)
    made = intake(Metrics(), only=inbox)
    made.take(batch(record(MAIL, "msg=listening run=mark-of-this-run"), record(WEB)), "")
    made.take(batch(record(MAIL, "level=warning msg=more")), "")
    assert [key for key, _ in inbox.taken] == [WEB]
    assert len(caplog.records) == 1
