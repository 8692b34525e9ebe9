"""The shares of one replica and its rounds: errors that nobody foresaw are counted and outlived."""

import logging
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from test_replicas_replica import HEARTBEAT, SETTLE
from test_replicas_replica import Site as Replicas
from waiting import wait_for

from exporter.config.schema import Config
from exporter.errors import StateError
from exporter.replicas.holdings import Happened, Report
from exporter.replicas.layout import shares_of
from exporter.service.replication import Replication
from exporter.service.shares import Shares
from exporter.state.coordination import Claim, View
from exporter.telemetry.internal_errors import InternalErrors, ReplicaPart
from exporter.telemetry.program_metrics import ReplicaMetrics
from exporter.telemetry.table import MetricTable

BUG = RuntimeError("a bug")
SAID = "internal error, trying again; it is a bug of the exporter: please report it"
[SHARE] = shares_of([""], 1)
CLAIM = Claim("me", 1)
WAIT = 60.0


@dataclass
class FakeAccount:
    """An account that does nothing, or fails at its end."""

    error: Exception | None = None
    stopped: list[bool] = field(default_factory=list)

    def start(self) -> None:
        """Nothing is read."""

    def stop(self, *, save: bool) -> None:
        self.stopped.append(save)
        if self.error is not None:
            raise self.error


class Site:
    """The shares of a replica, and what was counted and reported of them."""

    def __init__(self, built: Any) -> None:
        self.metrics = ReplicaMetrics(MetricTable())
        self.reports: list[Report] = []
        errors = InternalErrors(self.metrics.internal_errors, ReplicaPart)
        self.shares = Shares(lambda *_: self._build(built), self.reports.append, errors)

    def _build(self, built: Any) -> Any:
        if isinstance(built, Exception):
            raise built
        return built

    def happened(self, number: int) -> list[Happened]:
        """What was reported, once so many reports have come."""
        wait_for(lambda: len(self.reports) >= number, WAIT)
        assert {(report.share, report.claim) for report in self.reports} == {(SHARE, CLAIM)}
        return [report.happened for report in self.reports]

    def counted(self) -> dict[str, float]:
        return counted(self.metrics)


def counted(metrics: ReplicaMetrics) -> dict[str, float]:
    """The internal errors of each part."""
    [family] = metrics.internal_errors.collect()
    return {sample.labels["subsystem"]: sample.value for sample in family.samples}


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[int, dict[str, object]]]:
    """The level and the fields of each message about an internal error."""
    return [
        (each.levelno, getattr(each, "fields", {}))
        for each in caplog.records
        if each.getMessage() == SAID
    ]


def test_share_that_ends(caplog):
    """It is saved, and reported so."""
    account = FakeAccount()
    site = Site(account)
    site.shares.start(SHARE, CLAIM)
    wait_for(lambda: site.shares.shown() == {SHARE: account}, WAIT)
    site.shares.withdraw(SHARE, CLAIM, save=True)
    assert site.happened(1) == [Happened.ENDED]
    assert account.stopped == [True]
    assert site.shares.shown() == {}
    assert site.counted() == {"replica_rounds": 0, "replica_shares": 0}


@pytest.mark.found(
    "A share whose end failed was reported as ended well, and its error stood in no metric.",
    how="the broad exceptions of the replicas were held against the rules for errors",
)
def test_share_that_cannot_be_ended(caplog):
    """It is reported as failed, and the error is counted."""
    site = Site(FakeAccount(BUG))
    site.shares.start(SHARE, CLAIM)
    wait_for(site.shares.shown, WAIT)
    site.shares.withdraw(SHARE, CLAIM, save=True)
    assert site.happened(1) == [Happened.FAILED]
    assert site.counted() == {"replica_rounds": 0, "replica_shares": 1}
    fields = {"part": "replica_shares", "end": SHARE.namespace}
    assert said(caplog) == [(logging.ERROR, fields)]


@pytest.mark.parametrize(("error", "errors"), [(BUG, 1), (StateError("down"), 0)])
def test_share_that_cannot_be_started(error, errors, caplog):
    """It is reported as failed; what was foreseen is no internal error."""
    site = Site(error)
    site.shares.start(SHARE, CLAIM)
    assert site.happened(1) == [Happened.FAILED]
    assert site.shares.shown() == {}
    assert site.counted() == {"replica_rounds": 0, "replica_shares": errors}
    assert len(said(caplog)) == errors


def test_share_that_is_started_again_and_again(caplog):
    """Each failure counts; an error that stays the same is logged once."""
    caplog.set_level(logging.DEBUG)
    site = Site(BUG)
    for number in range(1, 4):
        site.shares.start(SHARE, CLAIM)
        site.happened(number)
        site.shares.withdraw(SHARE, CLAIM, save=False)
    assert site.counted()["replica_shares"] == 3
    assert [level for level, _ in said(caplog)] == [logging.ERROR, logging.DEBUG, logging.DEBUG]


class FakeStore:
    """A store that answers each heartbeat with an error, or with nobody and nothing."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = threading.Semaphore(0)

    def coordinate(self, timeout: float) -> "FakeStore":
        return self

    def read(self) -> View:
        self.asked.release()
        if self.error is not None:
            raise self.error
        return View({}, {})

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.found(
    "A replica whose rounds fail for a bug logged each of them, counted none and stayed ready.",
    how="the broad exceptions of the replicas were held against the rules for errors",
)
def test_rounds_that_fail(caplog):
    """Each counts, the first is logged, `/-/ready` says it, and a round that works ends it."""
    caplog.set_level(logging.INFO)
    store: Any = FakeStore()
    store.error = BUG
    settings = {"enabled": True, "takeover_after": "2s"}
    config = Config.model_validate({"replicas": settings, "state": {"url": "redis://localhost"}})
    metrics = ReplicaMetrics(MetricTable())
    build: Any = None
    replication = Replication(config, [""], store, build, metrics)
    replication.start()
    try:
        for _ in range(3):
            assert store.asked.acquire(timeout=WAIT)
        wait_for(lambda: counted(metrics)["replica_rounds"] >= 2, WAIT)
        assert replication.ready() == (False, "internal error, see the log")
        assert replication.status().problem == "internal error, see the log"
        assert said(caplog) == [(logging.ERROR, {"part": "replica_rounds"})]
        store.error = None
        wait_for(lambda: "no internal error any more" in caplog.text, WAIT)
        wait_for(lambda: replication.ready()[1] != "internal error, see the log", WAIT)
    finally:
        replication.stop()
    assert counted(metrics)["replica_shares"] == 0


def test_a_share_that_could_not_be_ended_is_released():
    """Nobody waits for it: what this replica had not saved, the next owner reads again."""
    site = Replicas(shares=1)
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    [share] = a.owned()
    claim = site.store.claims[share.namespace]
    a.leave()
    assert site.store.claims[share.namespace] == claim
    a.reports.put(Report(share, claim, Happened.FAILED))
    assert not a.release_ended(HEARTBEAT)
    assert site.store.claims[share.namespace] == Claim(None, claim.epoch)
