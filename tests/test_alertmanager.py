"""The example of Alertmanager's configuration, in a real Alertmanager: what mutes what."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from monitoring_servers import Alertmanager, alertmanager
from programs import requires
from waiting import LIMIT_SECONDS

EXAMPLE = Path(__file__).parent.parent / "dashboards/alertmanager.example.yml"
CONTROL = (
    {"alertname": "DoAppApiUnauthorized", "job": "control"},
    {"alertname": "DoAppHighErrorRatio", "job": "control", "app": "shop", "component": "web"},
)
"""A pair of which the first mutes the second. Alertmanager takes alerts in their order, so once it
mutes this one, it has judged those before."""
SHOP = {"job": "do", "app": "shop", "component": "web"}

CASES = {
    "a refused token explains what is said of apps": (
        {"alertname": "DoAppApiUnauthorized", "job": "do"},
        {"alertname": "DoAppHighErrorRatio", **SHOP},
        True,
    ),
    "a missing scope for restart counts explains nothing": (
        {"alertname": "DoAppApiErrors", "job": "do", "endpoint": "restart_count"},
        {"alertname": "DoAppHighErrorRatio", **SHOP},
        False,
    ),
    "another job's token explains nothing": (
        {"alertname": "DoAppApiUnauthorized", "job": "other"},
        {"alertname": "DoAppHighErrorRatio", **SHOP},
        False,
    ),
    "another account's token explains nothing": (
        {"alertname": "DoAppApiUnauthorized", "job": "do", "account": "a"},
        {"alertname": "DoAppHighErrorRatio", **SHOP, "account": "b"},
        False,
    ),
    "an API that is away explains what is said of apps": (
        {"alertname": "DoAppApiOutage", "job": "do"},
        {"alertname": "DoAppDataStale", **SHOP, "log_type": "RUN"},
        True,
    ),
    "a crash explains its last words": (
        {"alertname": "DoAppRestarted", **SHOP, "reason": "panic"},
        {"alertname": "DoAppCriticalMatch", **SHOP, "pattern": "go_panic"},
        True,
    ),
    "a crash says nothing of errors that go on": (
        {"alertname": "DoAppRestarted", **SHOP, "reason": "panic"},
        {"alertname": "DoAppHighErrorRatio", **SHOP},
        False,
    ),
    "the exporter's own words say more than the rule": (
        {"alertname": "DoAppCrashed", "kind": "crash", "app": "shop", "component": "web"},
        {"alertname": "DoAppRestarted", **SHOP, "reason": "panic"},
        True,
    ),
    "a refused token leaves the budget alone": (
        {"alertname": "DoAppApiUnauthorized", "job": "do"},
        {"alertname": "DoAppApiBudgetLow", "job": "do", "severity": "critical"},
        False,
    ),
    "a stale RUN log explains what its lines said": (
        {"alertname": "DoAppDataStale", **SHOP, "log_type": "RUN"},
        {"alertname": "DoAppNewErrorGroup", **SHOP},
        True,
    ),
    "a stale RUN log says nothing of restarts": (
        {"alertname": "DoAppDataStale", **SHOP, "log_type": "RUN"},
        {"alertname": "DoAppRestarted", **SHOP},
        False,
    ),
    "a stale RUN_RESTARTED log explains restarts": (
        {"alertname": "DoAppDataStale", **SHOP, "log_type": "RUN_RESTARTED"},
        {"alertname": "DoAppRestarted", **SHOP},
        True,
    ),
    "a stale log of one component says nothing of another": (
        {"alertname": "DoAppDataStale", **SHOP, "log_type": "RUN"},
        {"alertname": "DoAppHighErrorRatio", **SHOP, "component": "worker"},
        False,
    ),
    "a loop says more than a restart": (
        {"alertname": "DoAppRestartLoop", **SHOP, "severity": "critical"},
        {"alertname": "DoAppRestarted", **SHOP, "severity": "info"},
        True,
    ),
    "critical says more than the warning of the same name": (
        {"alertname": "DoAppHighErrorRatio", **SHOP, "severity": "critical"},
        {"alertname": "DoAppHighErrorRatio", **SHOP, "severity": "warning"},
        True,
    ),
    "critical says nothing of a warning of another name": (
        {"alertname": "DoAppHighErrorRatio", **SHOP, "severity": "critical"},
        {"alertname": "DoAppApiBudgetLow", "job": "do", "severity": "warning"},
        False,
    ),
}
"""Of each: the alert that explains, the other one, and whether that is muted."""

pytestmark = requires("prometheus-alertmanager")


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """One for all cases."""
    text = EXAMPLE.read_text(encoding="utf-8")
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), text) as server:
        yield server


@pytest.mark.parametrize("case", CASES)
def test_an_alert_mutes_what_it_explains_and_nothing_else(manager: Alertmanager, case: str):
    """Both alerts fire; the second one is muted, or both are heard."""
    source, target, muted = CASES[case]
    manager.fire(source, target, *CONTROL)
    try:
        manager.wait_for(lambda: "suppressed" in manager.states(*CONTROL), LIMIT_SECONDS)
        assert manager.states(source, target) == ["active", "suppressed" if muted else "active"]
    finally:
        manager.resolve(source, target, *CONTROL)
        manager.wait_for(lambda: not manager.alerts(), LIMIT_SECONDS)
