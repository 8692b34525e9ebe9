"""Apps that sleep, are archived or were never deployed: the shipped rules wake nobody.

The rules run in a real Prometheus.
"""

import time
from pathlib import Path

import pytest
from alert_world import EVERYDAY, Watch, watched
from programs import requires

from exporter.simulator.state import ComponentSpec, Kind

APPS = {
    "shop": [ComponentSpec("web", instances=2, sleeps_after=300)],
    "www": [ComponentSpec("web"), ComponentSpec("mail", Kind.WORKER)],
    "blog": [ComponentSpec("worker", Kind.WORKER)],
}
REST_SECONDS = 25.0
"""So long everything rests: minutes, as time passes sixty times as fast here."""

DORMANT = "digitalocean_app_component_dormant"
READY = "digitalocean_app_component_replicas_ready"
LINES = "digitalocean_app_log_lines_total"

pytestmark = [requires("prometheus"), requires("prometheus-alertmanager")]


@pytest.mark.found(
    "An app that was never deployed raised DoAppLogUnreadable and DoAppStreamDown: there was "
    "nothing to read.",
    how="A second platform, written from what is known of the API",
)
@pytest.mark.long(50)
def test_apps_without_instances_wake_nobody(tmp_path: Path):
    """They have no instance and no log for 25 minutes, then run; a crash is heard of."""
    with watched(tmp_path, APPS) as watch:
        watch.platform.create_app("draft", [ComponentSpec("web")], deployed=False)
        with watch.writing("shop", "web", EVERYDAY), watch.writing("www", "web", EVERYDAY):
            watch.exporter.wait_until(lambda now: now.total(LINES, app="www") > 5)
        watch.platform.sleep("shop", "web", ["SIGTERM"])
        watch.platform.archive("www")
        watch.exporter.wait_until(
            lambda now: now.total(DORMANT) == 4 and now.total(READY, app="shop") == 0
        )
        with watch.writing("blog", "worker", EVERYDAY):
            time.sleep(REST_SECONDS)
            watch.platform.wake("shop", "web")
            watch.platform.restore("www")
            watch.platform.deploy("draft")
            run_again(watch)
            watch.platform.crash("blog", "worker", 0, ["panic: no such table"])
            watch.arrived("firing", "DoAppRestarted", app="blog")
    alerts = [alert["labels"] for alert in watch.webhook.alerts]
    assert [each for each in alerts if each.get("app") in ("shop", "www", "draft")] == []


def run_again(watch: Watch) -> None:
    """What slept or was archived writes, and that is counted."""
    before = watch.exporter.wait_until(lambda now: True)
    with watch.writing("shop", "web", EVERYDAY), watch.writing("www", "web", EVERYDAY):
        for app in ("shop", "www"):
            lines = before.total(LINES, app=app)
            watch.exporter.wait_until(
                lambda now, app=app, lines=lines: now.total(LINES, app=app) > lines + 5
            )
    watch.exporter.wait_until(lambda now: now.total(DORMANT) == 0)
