"""The alerts on jobs in a real Prometheus, sixty times as fast: each fires and resolves."""

import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from exporter_process import ExporterProcess, simulated
from hastened import hastened
from monitoring_servers import START_SECONDS, Prometheus, prometheus
from programs import requires
from simulated_traffic import hourly
from steadiness import judged_if_steady
from waiting import LIMIT_SECONDS

from exporter.commands.children import RULES, prometheus_configuration
from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.jobs import Jobs
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Kind

FACTOR = 60
ARRIVAL_SECONDS = LIMIT_SECONDS
YEARLY = "0 0 1 1 *"
COMPONENTS = (
    ComponentSpec("failing", Kind.JOB, job=JobSchedule(YEARLY)),
    ComponentSpec("slow", Kind.JOB, job=JobSchedule(YEARLY, timeout=1)),
    ComponentSpec("migrate", Kind.JOB, job=JobSchedule(kind="PRE_DEPLOY")),
)


def firing(server: Prometheus) -> set[tuple[str, str]]:
    """Alerts on components that fire, with the component."""
    found = server.firing()
    return {(a["alertname"], a["component"]) for a in found if "component" in a}


@requires("prometheus")
@pytest.mark.long(40)
def test_alerts_on_jobs_fire_and_resolve(tmp_path: Path):
    """A run that failed, one that did not begin, one beyond its limit; nothing on a silent job."""
    rules = tmp_path / "alerts.yml"
    rules.write_text(hastened(RULES.read_text(encoding="utf-8"), FACTOR), encoding="utf-8")
    ago = 2 * 3600.0  # the app was deployed then, so a run of the hourly job was due since
    platform = Platform(lambda: time.time() - ago)
    late = ComponentSpec("late", Kind.JOB, job=hourly())
    platform.create_app("shop", [late, *COMPONENTS])
    ago = 0.0
    jobs = Jobs(platform, time.time)
    with SimulatorServer(platform) as server:
        server.rate_limit.per_hour = server.rate_limit.per_minute = 1_000_000
        with ExporterProcess(tmp_path, simulated(server.api_url), token=server.token) as exporter:
            exporter.wait_until_ready()
            scraping = prometheus_configuration(urlsplit(exporter.url).netloc, None)
            scraping["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
            scraping["rule_files"] = [str(rules)]
            with prometheus(tmp_path, scraping) as watching, judged_if_steady(exporter):
                failed = (
                    'digitalocean_app_job_invocations_total{component="failing",phase="failed"}'
                )
                watching.wait_for(lambda: watching.value(f"sum({failed})") == 0, START_SECONDS)
                jobs.run("shop", "failing", "ValueError: no orders", phase="FAILED")
                slow = jobs.begin("shop", "slow")
                seen: set[tuple[str, str]] = set()
                expected = {
                    ("DoAppJobFailed", "failing"),
                    ("DoAppJobLate", "late"),
                    ("DoAppJobTooLong", "slow"),
                }

                def all_fired() -> bool:
                    seen.update(firing(watching))
                    return expected <= seen

                watching.wait_for(all_fired, ARRIVAL_SECONDS)
                jobs.end("shop", slow)
                jobs.run("shop", "late", "done")
                watching.wait_for(lambda: not firing(watching), ARRIVAL_SECONDS)
                assert seen == expected
            assert exporter.terminate() == 0
