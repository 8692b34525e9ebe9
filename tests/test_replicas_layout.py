"""Names of shares and replicas as the database holds them, and the times that follow from one."""

import time

import pytest

from exporter.replicas import lease
from exporter.replicas.layout import Share, is_share, layout_of, shares_of
from exporter.replicas.lease import Lease, call_timeout, heartbeat_seconds, suspension_clock


@pytest.mark.parametrize(
    ("namespace", "division"),
    [
        ("eu", 0),
        ("eu#1/2", 2),
        ("eu#0/4", None),
        ("us#0/2", None),
        ("us", None),
        ("eu1/2", None),
        ("eu#1", None),
        ("eu#1/many", None),
    ],
)
def test_a_namespace_tells_into_how_many_shares_its_account_was_cut(
    namespace: str, division: int | None
):
    """So that another number of shares continues what the former ones kept."""
    assert Share("eu", 0, 4).division(namespace) == division


def test_shares_are_named_by_account_number_and_how_many_there_are():
    """No account has such a name; the order is that of accounts and numbers."""
    shares = shares_of(["us", "eu"], 2)
    names = [share.namespace for share in sorted(shares)]
    assert names == ["eu#0/2", "eu#1/2", "us#0/2", "us#1/2"]
    assert all(map(is_share, names))
    assert not is_share("eu")


def test_the_text_of_a_layout_is_that_of_every_version():
    """Replicas of two versions that have the same shares work together."""
    assert layout_of(shares_of(["eu"], 2)) == "e813eff7"


@pytest.mark.parametrize(
    ("takeover_after", "heartbeat", "call"), [(5.0, 0.5, 1.0), (10.0, 1.0, 2.0), (60.0, 2.0, 2.0)]
)
def test_heartbeats_and_calls_are_shorter_where_shares_are_taken_sooner(
    takeover_after: float, heartbeat: float, call: float
):
    """Up to two seconds, which are enough for any replica."""
    assert heartbeat_seconds(takeover_after) == heartbeat
    assert call_timeout(takeover_after) == call


def test_a_lease_outlives_two_calls_that_fail_and_ends_before_others_take_its_shares():
    """Also where the clocks of two replicas run at other rates."""
    assert lease.HEARTBEAT_PART + 2 * lease.CALL_PART < lease.LEASE_PART < 0.8


def test_a_heartbeat_that_was_sent_earlier_shortens_no_lease():
    """Acknowledgements may come in another order."""
    now = [50.0]
    held = Lease(6.0, lambda: now[0])
    held.begin(50.0)
    assert held.renew(40.0)
    now[0] = 55.9
    assert held.valid
    assert held.renew(53.0)
    now[0] = 58.9
    assert held.valid
    now[0] = 59.0
    assert not held.valid
    assert not held.renew(58.0)


def test_a_lease_is_measured_by_a_clock_that_counts_suspension(monkeypatch: pytest.MonkeyPatch):
    """A replica whose machine slept has lost it; where there is no such clock, by the usual one."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 100.0 + clock)
    assert suspension_clock()() == 107.0
    monkeypatch.delattr(time, "CLOCK_BOOTTIME")
    assert suspension_clock() is time.monotonic
