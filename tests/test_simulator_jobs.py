"""Jobs of the simulated platform: by schedule in virtual time, and as the API shows them."""

import random
from collections import Counter
from dataclasses import dataclass

import requests
from waiting import LIMIT_SECONDS

from exporter.simulator.invocations import Invocation
from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.jobs import JobPlay, Jobs
from exporter.simulator.platform import Platform
from exporter.simulator.scenario import Scenario
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Kind

START = 1_793_491_200.0  # 2026-11-01T00:00:00Z
DAY = 86_400


@dataclass
class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


def invocations(platform: Platform) -> list[Invocation]:
    return platform.view(lambda apps: [run for app in apps.values() for run in app.invocations])


def test_schedules_are_kept_in_virtual_time():
    """In one day, by the clock of each zone; runs end, some fail, and the truth says so."""
    clock = Clock()
    platform = Platform(clock)
    platform.create_app(
        "shop",
        [
            ComponentSpec("hourly", Kind.JOB, job=JobSchedule("0 * * * *")),
            ComponentSpec("nightly", Kind.JOB, job=JobSchedule("30 2 * * *", "Asia/Tokyo")),
            ComponentSpec("before", Kind.JOB, job=JobSchedule(kind="PRE_DEPLOY")),
        ],
    )
    jobs = Jobs(platform, clock)
    play = JobPlay(platform, jobs, random.Random(3), failing=0.3)
    while clock.now < START + DAY + 60:
        play.step(clock.now)
        clock.now += 10
    runs = invocations(platform)
    assert Counter(run.job for run in runs) == {"hourly": 24, "nightly": 1}
    [nightly] = [run for run in runs if run.job == "nightly"]
    assert nightly.created_at == START + 17.5 * 3600
    assert {run.phase for run in runs} == {"SUCCEEDED", "FAILED"}
    truth = jobs.truth()
    assert sum(truth.ended.values()) == 25
    assert sum(truth.lines.values()) == sum(len(run.log.lines) for run in runs)


def test_the_scenario_runs_its_job_every_minute():
    """Ten minutes, ten runs."""
    clock = Clock(START + 1)
    platform = Platform(clock)
    scenario = Scenario(platform, random.Random(1))
    for _ in range(6000):
        scenario.step(clock.now)
        clock.now += 0.1
    assert [run.job for run in invocations(platform)] == ["report"] * 10


def test_the_api_shows_runs_newest_first_and_their_logs():
    """Pages, the filter by job, the log live while it runs and archived after, 404 for others."""
    platform = Platform(lambda: START)
    app_id = platform.create_app("shop", [ComponentSpec("a", Kind.JOB), ComponentSpec("b")])
    jobs = Jobs(platform, lambda: START)
    ids = [jobs.run("shop", "a", "one", "two") for _ in range(3)]
    running = jobs.begin("shop", "b")
    jobs.write("shop", running, "begins")
    with SimulatorServer(platform) as server:

        def get(path: str, **params: str) -> requests.Response:
            headers = {"Authorization": f"Bearer {server.token}"}
            url = f"{server.api_url}/v2/apps/{app_id}/{path}"
            return requests.get(url, params=params, headers=headers, timeout=LIMIT_SECONDS)

        listed = get("job-invocations", per_page="2").json()
        assert [run["id"] for run in listed["job_invocations"]] == [running, ids[2]]
        assert listed["links"]["pages"]["next"]
        [first] = get("job-invocations", job_names="b").json()["job_invocations"]
        assert (first["phase"], first["trigger"]) == ("RUNNING", {"type": "SCHEDULE"})
        assert "completed_at" not in first
        log = get(f"jobs/b/invocations/{running}/logs", type="JOB_INVOCATION").json()
        assert requests.get(log["live_url"], timeout=LIMIT_SECONDS).text.endswith(" begins\n")
        log = get(f"jobs/a/invocations/{ids[0]}/logs", type="JOB_INVOCATION").json()
        texts = [requests.get(url, timeout=LIMIT_SECONDS).text for url in log["historic_urls"]]
        assert [text[-4:] for text in texts] == ["one\n", "two\n"]
        assert get(f"jobs/b/invocations/{ids[0]}/logs", type="JOB_INVOCATION").status_code == 404
        assert get(f"jobs/a/invocations/{ids[0]}/logs", type="RUN").status_code == 400
