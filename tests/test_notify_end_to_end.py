"""A crash on the platform, as Alertmanager and a webhook are told of it."""

import shutil
import time
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, simulated
from monitoring_servers import alertmanager
from simulated_traffic import hourly, simulator
from test_notify import receiver
from waiting import wait_for

from exporter.simulator.jobs import Jobs
from exporter.simulator.state import ComponentSpec, Kind

COMPONENTS = (ComponentSpec("web", Kind.SERVICE, 1),)
SENT = "digitalocean_app_notifications_total"
QUIET = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
SECRET = "password=hunter2"


@pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None, reason="Alertmanager is not installed"
)
def test_a_crash_reaches_alertmanager_and_a_webhook_once_with_its_words(tmp_path: Path):
    """Over a restart too; secrets stay out; the log of the exporter names no receiver."""
    with (
        alertmanager(tmp_path, QUIET) as manager,
        receiver(200) as (hook, documents),
        simulator() as (platform, server),
    ):
        platform.create_app("shop", COMPONENTS)
        notify = {
            "alertmanager_urls": [f"http://{manager.address}"],
            "webhook_urls": [f"{hook}/services/hidden"],
            "events": ["crash"],
        }
        web = {"external_url": "https://exporter.example.com"}
        state = {"url": f"sqlite://{tmp_path / 'state.db'}"}
        config = simulated(server.api_url, notify=notify, web=web, state=state)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, f"connecting with {SECRET}")
            platform.write("shop", "web", 0, "panic: no stock")
            platform.crash("shop", "web", 0)
            exporter.wait_until(lambda now: now.total(SENT, outcome="sent") == 2)
            page = exporter.get("/").text
            assert exporter.terminate() == 0
        with ExporterProcess(tmp_path, config, token=server.token) as again:
            again.wait_until_ready()
            platform.write("shop", "web", 0, "panic: no stock again")
            platform.crash("shop", "web", 0)
            again.wait_until(lambda now: now.total(SENT, outcome="sent") == 2)
            output = exporter.output + again.output
        [alert] = wait_for(manager.alerts)
    assert [body["lines"][-1] for _, body in documents] == [
        "panic: no stock",
        "panic: no stock again",
    ]
    assert documents[0][1]["reason"] == "panic"
    assert documents[0][1]["url"] == "https://exporter.example.com/components/shop/web"
    assert alert["labels"] == {
        "alertname": "DoAppCrashed",
        "kind": "crash",
        "app": "shop",
        "component": "web",
        "reason": "panic",
        "severity": "warning",
    }
    assert "panic: no stock again" in alert["annotations"]["lines"]
    assert "hunter2" not in str(documents) + str(alert)
    assert "hidden" not in page + output


def test_a_failed_run_of_a_job_and_a_failed_deployment_are_told(tmp_path: Path):
    """Each with what is known of it: the last words of the one, the app of the other."""
    report = ComponentSpec("report", Kind.JOB, job=hourly())
    with receiver(200) as (hook, documents), simulator() as (platform, server):
        platform.create_app("shop", (*COMPONENTS, report))
        jobs = Jobs(platform, time.time, seed=1)
        config = simulated(server.api_url, notify={"webhook_urls": [hook]})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            jobs.run("shop", "report", "begins", "panic: no stock", phase="FAILED")
            platform.begin_deployment("shop")
            platform.end_deployment("shop")
            wanted = {"job_failed", "deployment_failed"}
            wait_for(lambda: wanted <= {body["event"] for _, body in documents})
    told = {body["event"]: body for _, body in documents}
    assert told["job_failed"]["component"] == "report"
    assert told["job_failed"]["lines"] == ["begins", "panic: no stock"]
    assert told["job_failed"]["reason"] == "panic"
    assert told["deployment_failed"]["app"] == "shop"
    assert told["deployment_failed"]["component"] is None
    assert told["deployment_failed"]["lines"] == ["the build step failed"]
