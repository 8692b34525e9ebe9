"""Scheduled jobs over a simulated platform: the installed command counts each run once."""

import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import hourly, simulator

from exporter.model import Endpoint
from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.jobs import Jobs
from exporter.simulator.scaling import Scaling
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Kind

INVOCATIONS = "digitalocean_app_job_invocations_total"
LINES = "digitalocean_app_log_lines_total"
BACKUP = ComponentSpec("backup", Kind.JOB, job=JobSchedule("30 2 * * *", "Europe/Berlin"))
RULE = {"name": "declined", "regex": "declined", "level": "warning"}
PHASES = ("SUCCEEDED", "SUCCEEDED", "FAILED", "CANCELED")
KILLS = 3
ROUNDS_A_KILL = 50


def report() -> ComponentSpec:
    """A job that runs every hour, and not within the test."""
    return ComponentSpec("report", Kind.JOB, job=hourly())


def configuration(server: SimulatorServer, **sections: Any) -> dict[str, Any]:
    return simulated(server.api_url, patterns={"rules": [RULE]}, **sections)


def ended(samples: Samples) -> dict[tuple[str, str, str, str], float]:
    """Runs counted by app, job, phase and trigger, without the zeros."""
    return {
        (labels["app"], labels["component"], labels["phase"], labels["trigger"]): value
        for labels, value in samples.series(INVOCATIONS)
        if value
    }


def lines(samples: Samples) -> dict[tuple[str, str], float]:
    """Lines counted in the logs of runs, by app and job."""
    found = samples.series(LINES, log_type="JOB_INVOCATION")
    return {(labels["app"], labels["component"]): value for labels, value in found if value}


def run_some(jobs: Jobs, rng: random.Random, number: int) -> int:
    """Let a number of runs come and go; return how many lines for the rule they wrote."""
    declined = 0
    for _ in range(number):
        declines = rng.randrange(3)
        messages = ["begins", *["payment declined"] * declines, "is done"]
        jobs.archived = rng.random() < 0.5
        jobs.run("shop", rng.choice(("report", "backup")), *messages, phase=rng.choice(PHASES))
        declined += declines
    return declined


def wait_for_two_more_requests(server: SimulatorServer, endpoint: Endpoint) -> None:
    """What the first of them was answered is counted by then, were it counted again."""
    requests = server.api_requests
    requests.wait_for(endpoint, requests.count(endpoint) + 3)


@pytest.mark.long(25)
def test_hundreds_of_runs_count_once_over_kills(tmp_path: Path):
    """SIGKILL again and again, pages, runs that span a kill: counts equal the truth."""
    rng = random.Random(15)
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), report(), BACKUP])
        before = Jobs(platform, lambda: time.time() - 7200, seed=1)
        run_some(before, rng, 130)
        old = before.begin("shop", "backup")
        jobs = Jobs(platform, time.time, seed=2)
        config = configuration(server, state={"url": f"sqlite://{tmp_path / 'state.db'}"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            samples = exporter.wait_until(
                lambda s: s.total("digitalocean_app_job_running", component="backup") == 1
            )
            assert ended(samples) == {}
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        declined, long_runs = 0, [old]
        for _ in range(KILLS):
            with ExporterProcess(tmp_path, config, token=server.token) as exporter:
                exporter.wait_for_output("listening")
                declined += run_some(jobs, rng, ROUNDS_A_KILL // 2)
                highest = rng.randrange(1, 30)
                base = samples.total(INVOCATIONS)
                samples = exporter.wait_until(
                    lambda s, base=base, n=highest: s.total(INVOCATIONS) >= base + min(n, 20)
                )
                assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
            long_runs.append(jobs.begin("shop", "report"))
            declined += run_some(jobs, rng, ROUNDS_A_KILL // 2)
        for run in long_runs:
            jobs.write("shop", run, "done at last")
            jobs.end("shop", run)
        truth = jobs.truth()
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until(lambda s: ended(s) == truth.ended and lines(s) == truth.lines)
            wait_for_two_more_requests(server, Endpoint.JOB_INVOCATIONS)
            samples = exporter.metrics()
            assert exporter.terminate() == 0
    assert sum(truth.ended.values()) == KILLS * ROUNDS_A_KILL + KILLS + 1
    assert ended(samples) == truth.ended
    assert lines(samples) == truth.lines
    assert samples.total("digitalocean_app_log_matches_total", pattern="declined") == declined
    assert samples.total("digitalocean_app_log_gaps_total", log_type="JOB_INVOCATION") == 0


def test_how_a_job_stands_shows(tmp_path: Path):
    """Gauges of the latest and the running run, the next one, the failed one's words; no RUN."""
    with simulator() as (platform, server):
        created = time.time()
        platform.create_app("shop", [ComponentSpec("web"), report(), BACKUP])
        jobs = Jobs(platform, time.time)
        with ExporterProcess(tmp_path, configuration(server), token=server.token) as exporter:
            exporter.wait_until_ready()
            jobs.run("shop", "report", "begins", "ValueError: no orders", phase="FAILED")
            running = jobs.begin("shop", "report", trigger="MANUAL")
            samples = exporter.wait_until(
                lambda s: (
                    lines(s).get(("shop", "report")) == 2
                    and ended(s) == {("shop", "report", "failed", "schedule"): 1}
                    and s.value("digitalocean_app_job_running", component="report") == 1
                )
            )
            page = exporter.get("/components/shop/report").text
            names = {path.path for path in server.api_requests.requests}
            jobs.end("shop", running)
            exporter.wait_until(
                lambda s: (
                    s.value(INVOCATIONS, component="report", phase="succeeded", trigger="manual")
                    == 1
                )
            )
            assert exporter.terminate() == 0
    due = samples.value("digitalocean_app_job_next_run_timestamp_seconds", component="report")
    assert due - created // 60 * 60 in (1800, 1860)
    assert samples.value("digitalocean_app_job_timeout_seconds", component="report") == 1800
    assert (
        samples.value("digitalocean_app_job_missed_run_timestamp_seconds", component="report") == 0
    )
    began = samples.value(
        "digitalocean_app_job_last_invocation_timestamp_seconds", component="report"
    )
    assert created - 1 <= began <= time.time() + 1
    assert "ValueError: no orders" in page
    assert not samples.series("digitalocean_app_source_up", component="report")
    assert not samples.series(LINES, component="report", log_type="RUN")
    assert samples.series(LINES, component="web", log_type="RUN")
    assert not [name for name in names if name.endswith("/components/report/logs")]


def test_autoscaling_and_bandwidth_show_where_they_are_wanted(tmp_path: Path):
    """Each change counts once, one that failed not; bandwidth costs one request for all apps."""
    with simulator() as (platform, server):
        for name in ("shop", "blog"):
            platform.create_app(name, [ComponentSpec("web")])

        def change(apps):
            for app in apps.values():
                app.bandwidth_bytes = 4711 if app.name == "shop" else 0
                app.scalings += [
                    Scaling("1", time.time() + 60, "web", 1, 3, "cpu"),
                    Scaling("2", time.time() + 60, "web", 3, 1, "scale_to_zero"),
                    Scaling("3", time.time() + 60, "web", 3, 5, "cpu", "FAILED"),
                    Scaling("4", time.time() - 900, "web", 1, 2, "cpu"),
                ]

        platform.view(change)
        wanted = {"events": True, "bandwidth": True}
        config = configuration(server, collectors=wanted, discovery={"interval": "1s"})
        scalings = "digitalocean_app_autoscaling_events_total"
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until(
                lambda s: (
                    s.total(scalings) == 4
                    and len(s.series("digitalocean_app_bandwidth_bytes")) == 2
                )
            )
            wait_for_two_more_requests(server, Endpoint.EVENTS)
            samples = exporter.metrics()
            assert exporter.terminate() == 0
    labels = {"app": "shop", "component": "web", "direction": "up", "trigger": "cpu"}
    assert samples.value(scalings, **labels) == 1
    assert samples.total(scalings) == 4
    assert samples.value("digitalocean_app_bandwidth_bytes", app="shop") == 4711
    assert samples.value("digitalocean_app_bandwidth_bytes", app="blog") == 0
    asked = [r for r in server.api_requests.requests if r.path.endswith("bandwidth_daily")]
    assert len(asked) == 1
