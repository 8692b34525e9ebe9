"""Alerts that arrive: exporter, Prometheus, Alertmanager and receivers, with the shipped rules.

An hour of mishaps passes in a minute or two. What counts is how many messages a person gets, and
that they and the page say what docs/incidents.md quotes.
"""

import html
import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alert_world import ARRIVAL_SECONDS, EVERYDAY, EXTERNAL_URL, Watch, watched
from programs import requires
from simulated_traffic import hourly
from steadiness import judged_if_steady
from waiting import wait_for
from webhook import Notified

from exporter.model import Endpoint
from exporter.simulator.faults import error
from exporter.simulator.jobs import Jobs
from exporter.simulator.state import ComponentSpec, Kind

ROOT = Path(__file__).parent.parent
FAILURE = "ERROR checkout failed: the gateway timed out"
PANIC = "panic: assignment to entry in nil map"
BOTS = (
    'ActionController::RoutingError (No route matches [GET] "/wp-login.php"):',
    "2026/11/01 00:00:00 [crit] 29#29: *15 SSL_do_handshake() failed (SSL: error:0A00006C:SSL "
    "routines::bad key share) while SSL handshaking, client: 192.0.2.1, server: 0.0.0.0:443",
    '2026/11/01 00:00:00 [error] 29#29: *15 open() "/usr/share/nginx/html/.env" failed '
    "(2: No such file or directory), client: 192.0.2.1, server: _",
)
"""What scanners make servers log."""

INCIDENTS = (ROOT / "docs/incidents.md").read_text(encoding="utf-8")
RESTARTS = "digitalocean_app_restarts_total"
API_ERRORS = "digitalocean_app_api_errors"
NIGHT_SECONDS = 15.0
"""A quarter of an hour of what should wake nobody."""

APPS = {
    "blog": [ComponentSpec("worker", Kind.WORKER)],
    "shop": [ComponentSpec("web")],
    "pay": [ComponentSpec("web")],
    "www": [ComponentSpec("web")],
}
pytestmark = [requires("prometheus"), requires("prometheus-alertmanager")]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Five apps; those that serve write all the time."""
    report = ComponentSpec("report", Kind.JOB, job=hourly())
    with watched(tmp_path, {**APPS, "batch": [report]}) as everything, ExitStack() as traffic:
        for app, component in (("blog", "worker"), ("shop", "web"), ("pay", "web"), ("www", "web")):
            traffic.enter_context(everything.writing(app, component, EVERYDAY))
        yield everything


@pytest.mark.long(95)
def test_an_hour_of_mishaps_is_one_message_each(watch: Watch):
    """One for a crash, a bad deployment, errors, a job, an outage, a token; none for bots."""
    groups = watch.prometheus.ask("rules")["groups"]
    health = {rule["health"] for group in groups for rule in group["rules"]}
    assert health <= {"ok", "unknown"}
    assert watch.webhook.alerts == []
    with judged_if_steady(watch.exporter):
        mishaps_of_apps(watch)
        an_outage(watch)
        a_refused_token(watch)
    groups = watch.prometheus.ask("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


def mishaps_of_apps(watch: Watch) -> None:
    """What goes wrong at the same time in five apps."""
    jobs = Jobs(watch.platform, time.time)
    watch.platform.deploy("shop")
    watch.platform.deploy("pay")
    with watch.writing("www", "web", *BOTS):
        watch.platform.crash("blog", "worker", 0, [PANIC])
        for number in range(1, 4):
            watch.platform.crash("shop", "web", 0, ["panic: no such table"], exit_code=2)
            watch.exporter.wait_until(
                lambda now, number=number: now.total(RESTARTS, app="shop") >= number
            )
        jobs.run("batch", "report", "FATAL: no connection", phase="FAILED")
        with watch.writing("pay", "web", FAILURE, FAILURE):
            errors = watch.arrived("firing", "DoAppHighErrorRatio", app="pay")
            assert_told(watch, "Errors by a bad dependency", errors)
        loop = watch.arrived("firing", "DoAppRestartLoop", app="shop")
        crash = watch.arrived("firing", "DoAppRestarted", app="blog")
        job = watch.arrived("firing", "DoAppJobFailed", app="batch")
        assert_told(watch, "A crash loop after a deployment", loop)
        assert_told(watch, "A job that fails at night", job)
        time.sleep(NIGHT_SECONDS)
    watch.until_quiet()
    assert crash["labels"] == {
        "alertname": "DoAppRestarted",
        "job": "do-app-exporter",
        "app": "blog",
        "component": "worker",
        "reason": "panic",
        "severity": "warning",
    }
    assert crash["annotations"]["summary"] == "blog/worker restarted: panic"
    assert_links(crash, "blog", "worker")
    assert_links(loop, "shop", "web")
    assert_links(errors, "pay", "web")
    assert_links(job, "batch", "report")
    messages = watch.webhook.notifications
    assert messages(app="blog") == [("team", ["DoAppRestarted"])]
    assert messages(app="shop") == [("pager", ["DoAppRestartLoop"])]
    assert messages(app="pay") == [("pager", ["DoAppHighErrorRatio"])]
    assert messages(app="batch") == [("team", ["DoAppJobFailed"])]
    assert messages(app="www") == []
    assert len(messages()) == 4
    watch.arrived("resolved", "DoAppRestarted", app="blog")
    watch.arrived("resolved", "DoAppHighErrorRatio", app="pay")


def an_outage(watch: Watch) -> None:
    """Every endpoint answers with 500 for twenty minutes: one message, whatever stands still."""
    since, alerts = watch.webhook.count, len(watch.webhook.alerts)
    # Retries are not hastened as all else is here: discovery has its time.
    watch.server.faults.inject(Endpoint.APPS, error(500))
    failing = {"endpoint": "apps", "error": "server_error"}
    watch.exporter.wait_until(lambda now: now.value(API_ERRORS, **failing) == 1, ARRIVAL_SECONDS)
    for endpoint in Endpoint:
        if endpoint not in (Endpoint.APPS, Endpoint.LOG_CONTENT):
            watch.server.faults.inject(endpoint, error(500))
    alert = watch.arrived("firing", "DoAppApiOutage", alerts)
    assert_told(watch, "The API is away", alert)
    time.sleep(NIGHT_SECONDS / 2)
    watch.server.faults.clear()
    watch.arrived("resolved", "DoAppApiOutage", alerts)
    watch.until_quiet()
    assert alert["annotations"]["page"] == f"{EXTERNAL_URL}/"
    assert watch.webhook.notifications(since) == [("team", ["DoAppApiOutage"])]


def a_refused_token(watch: Watch) -> None:
    """The API answers 401: one message, and nothing is said of apps from then on."""
    since, alerts = watch.webhook.count, len(watch.webhook.alerts)
    token = watch.server.rotate_token()
    alert = watch.arrived("firing", "DoAppApiUnauthorized", alerts)
    assert_told(watch, "The token is revoked", alert)
    a_refused_configuration_arrives_all_the_same(watch)
    (watch.folder / "token").write_text(token)
    watch.arrived("resolved", "DoAppApiUnauthorized", alerts)
    watch.until_quiet()
    assert watch.webhook.notifications(since) == [
        ("pager", ["DoAppApiUnauthorized"]),
        ("team", ["DoAppConfigReloadFailed"]),
    ]


def a_refused_configuration_arrives_all_the_same(watch: Watch) -> None:
    """What is said of the exporter itself is not muted, and resolves with a good file."""
    file = watch.folder / "config.yml"
    good = file.read_text()
    file.write_text("log: {}\n")
    watch.exporter.send_signal(signal.SIGHUP)
    watch.arrived("firing", "DoAppConfigReloadFailed")
    file.write_text(good)
    watch.exporter.send_signal(signal.SIGHUP)
    watch.arrived("resolved", "DoAppConfigReloadFailed")


def assert_told(watch: Watch, title: str, alert: Notified) -> None:
    """The alert and the page say what the section of docs/incidents.md quotes of them."""
    section = INCIDENTS.partition(f"## {title}\n")[2].partition("\n## ")[0]
    said, shown = (re.findall(r"^> (.*)$", part, re.M) for part in section.split("The page:"))
    texts = alert["annotations"]
    assert said
    told = {estimates_left_out(texts[name]) for name in ("summary", "description")}
    for quote in said:
        assert estimates_left_out(quote) in told
    assert shown

    def missing() -> list[str]:
        page = words_of(watch.page("/"))
        return [quote for quote in shown if quote not in page]

    wait_for(lambda: not missing(), ARRIVAL_SECONDS, lambda: f"{missing()} not on the page")


def estimates_left_out(text: str) -> str:
    """A text without what Prometheus estimates: it depends on when it scraped."""
    return re.sub(r"about \d+ ", "about some ", text)


def words_of(page: str) -> str:
    """What is to be read on a page."""
    main = page.partition("<main")[2].partition(">")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def test_every_quoted_section_is_an_incident():
    """Five incidents, each with a runbook that is there."""
    titles = re.findall(r"^## (.*)$", INCIDENTS, re.M)
    links = re.findall(r"\(runbooks/(\w+)\.md\)", INCIDENTS)
    assert len(titles) == len(links) == 5
    assert all((ROOT / f"docs/runbooks/{name}.md").is_file() for name in links)


def assert_links(alert: Notified, app: str, component: str) -> None:
    """The alert leads to the page of its component, its dashboard and the runbook of its name."""
    page = f"docs/runbooks/{alert['labels']['alertname']}.md"
    texts = alert["annotations"]
    assert texts["runbook_url"].endswith(f"/blob/main/{page}")
    assert (ROOT / page).is_file()
    assert texts["dashboard"] == f"/d/do-app-component?var-app={app}&var-component={component}"
    assert texts["page"] == f"{EXTERNAL_URL}/components/{app}/{component}"
