"""A long run of whole programs: ``soak.py HOURS``. Their counts equal the truth, nothing grows.

Four exporters follow one simulated platform: one on SQLite and one on Redis that run all the time,
and one of each that is killed at times. Lines are written all the time; between them come crashes,
hand-overs, reloads, changes of the token and kills, one after the other in random order.
"""

import json
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import requests
import yaml
from exporter_process import ExporterProcess, Samples, simulated
from redis_server import redis_server
from simulated_traffic import (
    COMPONENTS,
    RULE,
    Traffic,
    all_lines_counted,
    assert_counts_are_true,
    matches,
    simulator,
)
from waiting import last_lines, wait_for

from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer

APPS = ("shop", "blog")
LINES_A_SECOND = 20
STEP_SECONDS = 0.1
PAUSE_SECONDS = (2.0, 8.0)
"""Between two events."""

SAMPLE_SECONDS = 10.0
CHECK_EVERY = 8
"""After so many events writing stops, and the counts are held against the truth."""

TAIL_LINES = 2000
"""So much of a log is remembered: after some minutes all of that is full, and memory is flat."""

WAIT = 900.0
"""Seconds that anything may take; a busy machine may need them."""

GROWTH = {"memory": 0.05, "descriptors": 0.05, "threads": 0.05}
"""By how much the median of a run's last quarter may exceed that of its second quarter."""

SLACK = 8
"""MiB, descriptors or threads more than that: connections come and go."""

FALLING = (
    "digitalocean_app_log_lines_total",
    "digitalocean_app_log_bytes_total",
    "digitalocean_app_log_matches_total",
    "digitalocean_app_log_gaps_total",
    "digitalocean_app_restarts_total",
    "digitalocean_app_deployments_total",
)
"""Counters that no scrape may show lower than one before."""

OTHER_RULE = {"name": "order_shipped", "regex": "^order [0-9]+ shipped$", "level": "info"}


@dataclass
class Subject:
    """One exporter, its configuration, and what was measured of it."""

    name: str
    folder: Path
    url: str
    process: ExporterProcess | None = None
    rules: int = 1
    highest: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)
    measured: list[dict[str, float]] = field(default_factory=list)

    @property
    def running(self) -> ExporterProcess:
        """The process, which has to have been started."""
        assert self.process is not None
        return self.process

    def config(self, api_url: str) -> dict[str, object]:
        """Its configuration with as many rules of its own as it has now."""
        return simulated(
            api_url,
            digitalocean={"token_file": str(self.folder.parent / "token")},
            logs={"mode": "follow", "interval": "5s", "tail_lines": TAIL_LINES},
            discovery={"interval": "5s"},
            state={"url": self.url},
            patterns={"rules": [RULE, OTHER_RULE][: self.rules]},
        )

    def start(self, api_url: str) -> None:
        """Start it anew on its state."""
        arguments = ("--web.enable-lifecycle",)
        config = self.config(api_url)
        self.process = ExporterProcess(self.folder, config, token=None, arguments=arguments)
        self.process.__enter__()

    def scrape(self) -> Samples:
        """Scrape once; no counter is lower than before, whichever process showed it."""
        samples = self.running.metrics()
        for name in FALLING:
            for labels, value in samples.series(name):
                series = (name, frozenset(labels.items()))
                assert value >= self.highest.get(series, 0.0), (self.name, series)
                self.highest[series] = value
        return samples

    def measure(self) -> dict[str, float]:
        """Memory in MiB, descriptors and threads of the process as it is now."""
        folder = Path("/proc") / str(self.running.pid)
        status = dict(
            line.split(":", 1) for line in (folder / "status").read_text().splitlines() if line
        )
        return {
            "at": time.time(),
            "memory": int(status["VmRSS"].split()[0]) / 1024,
            "descriptors": len(list((folder / "fd").iterdir())),
            "threads": int(status["Threads"]),
        }


class Soak:
    """The platform, the exporters on it, and what happens to them."""

    def __init__(
        self, platform: Platform, server: SimulatorServer, subjects: list[Subject], seed: int
    ) -> None:
        self._platform = platform
        self._server = server
        self._token = subjects[0].folder.parent / "token"
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed: list[BaseException] = []
        self.traffic = Traffic(platform, APPS, 0)
        self.subjects = subjects
        self.happened: Counter[str] = Counter()
        self.checks = 0

    @property
    def steady(self) -> list[Subject]:
        """Those that are never killed."""
        return [subject for subject in self.subjects if "killed" not in subject.name]

    def run(self, seconds: float) -> None:
        """Let things happen for so long, and check at the end."""
        self._token.write_text(self._server.token)
        for subject in self.subjects:
            subject.start(self._server.api_url)
            subject.running.wait_until_ready(WAIT)
        events = (self.crash, self.hand_over, self.reload, self.change_token, self.kill)
        end = time.monotonic() + seconds
        with self._beside(self._write), self._beside(self._measure):
            while time.monotonic() < end and not self._failed:
                event = self._rng.choice(events)
                event()
                self.happened[event.__name__] += 1
                if sum(self.happened.values()) % CHECK_EVERY == 0:
                    self.check()
                self._over.wait(self._rng.uniform(*PAUSE_SECONDS))
        if self._failed:
            raise self._failed[0]
        self.check()

    def crash(self) -> None:
        """Let an instance end and start again, and wait until that is counted."""
        with self._lock:
            self.traffic.crash()
        self._wait_until_counted()

    def hand_over(self) -> None:
        """A deployment of an app; old and new containers stand side by side for a moment."""
        app = self._rng.choice(APPS)
        before = [self._deployments(subject.scrape(), app) for subject in self.subjects]
        with self._lock:
            self._platform.begin_deployment(app)
            while self._platform.advance_deployment(app) != "DEPLOYING":
                pass
        self._over.wait(3.0)
        words = {each.name: ["SIGTERM received", "bye"] for each in COMPONENTS}
        with self._lock:
            assert self._platform.advance_deployment(app, words) == "ACTIVE"
        for subject, deployments in zip(self.subjects, before, strict=True):
            self._wait(subject, partial(self._connected, app=app, deployments=deployments + 1))

    def reload(self) -> None:
        """Give each exporter one rule more or one less."""
        for subject in self.subjects:
            subject.rules = 3 - subject.rules
            self._write_config(subject)
            answer = requests.post(f"{subject.running.url}/-/reload", timeout=WAIT)
            assert answer.status_code == 200, answer.text
            # The rule that left keeps no series: it begins again at 0 when it comes back.
            gone = [each for each in subject.highest if ("pattern", OTHER_RULE["name"]) in each[1]]
            for series in gone:
                del subject.highest[series]

    def change_token(self) -> None:
        """Revoke the token and write the next one into the file that all of them read."""
        self._token.write_text(self._server.rotate_token())

    def kill(self) -> None:
        """Kill one exporter and start it again."""
        subject = self._rng.choice([each for each in self.subjects if each not in self.steady])
        subject.running.stop(signal.SIGKILL)
        subject.running.__exit__()
        subject.start(self._server.api_url)
        subject.running.wait_until_ready(WAIT)
        self._wait_until_counted()

    def check(self) -> None:
        """Stop writing, wait until all is counted, and hold each exporter against the truth."""
        with self._lock:
            for subject in self.subjects:
                self._wait(subject, self._all_counted)
                samples = subject.scrape()
                assert_counts_are_true(samples, self._platform)
                assert matches(samples, RULE["name"]) == dict(self.traffic.declined), subject.name
                assert samples.total("digitalocean_app_exporter_internal_errors_total") == 0
            self.checks += 1
            print(f"{time.strftime('%H:%M:%S')} {self._story()}", flush=True)

    def _story(self) -> str:
        lines = sum(
            each.lines for (_, kind), each in self._platform.truth().logs.items() if kind == "RUN"
        )
        memory = ", ".join(
            f"{subject.name} {subject.measured[-1]['memory']:.0f} MiB"
            for subject in self.steady
            if subject.measured
        )
        return (
            f"check {self.checks}: {lines} lines counted by each; {dict(self.happened)}; {memory}"
        )

    def _all_counted(self, samples: Samples) -> bool:
        declined = sum(matches(samples, RULE["name"]).values())
        return all_lines_counted(self._platform, samples) and (
            declined >= self.traffic.declined.total()
        )

    def _wait_until_counted(self) -> None:
        """Wait until each exporter has counted every container end that there was."""
        ends = {
            key: truth.container_ends
            for (key, log_type), truth in self._platform.truth().logs.items()
            if log_type == "RUN"
        }

        def counted(samples: Samples) -> bool:
            return all(
                samples.total(
                    "digitalocean_app_restarts_total", app=key.app, component=key.component
                )
                >= count
                for key, count in ends.items()
            )

        for subject in self.subjects:
            self._wait(subject, counted)

    @staticmethod
    def _deployments(samples: Samples, app: str) -> float:
        return samples.total("digitalocean_app_deployments_total", app=app, phase="ACTIVE")

    def _connected(self, samples: Samples, app: str, deployments: float) -> bool:
        """Whether a deployment was seen and every stream of the app is connected again."""
        streams = samples.series("digitalocean_app_stream_connected", app=app)
        seen = self._deployments(samples, app)
        return seen >= deployments and all(value == 1 for _, value in streams)

    def _wait(self, subject: Subject, holds: Callable[[Samples], bool]) -> None:
        def says() -> str:
            return f"{subject.name}: {last_lines(subject.running.output)}"

        wait_for(lambda: holds(subject.scrape()), WAIT, says)

    def _write_config(self, subject: Subject) -> None:
        config = subject.config(self._server.api_url)
        (subject.folder / "config.yml").write_text(yaml.safe_dump(config))

    @contextmanager
    def _beside(self, work: Callable[[], None]) -> Iterator[None]:
        """Run a function in a thread of its own within the block."""

        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001  (told where the run ends)
                self._failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _write(self) -> None:
        while not self._over.wait(STEP_SECONDS):
            with self._lock:
                self.traffic.write_lines(round(LINES_A_SECOND * STEP_SECONDS))

    def _measure(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            for subject in self.steady:
                subject.measured.append(subject.measure())


def report(soak: Soak, hours: float) -> list[str]:
    """The figures of a run as Markdown; a row that begins with ``GROWS`` is a breach."""
    rows = [f"{hours:.2f} hours, {dict(soak.happened)}, {soak.checks} checks of all four exporters"]
    for subject in soak.steady:
        for name, allowed in GROWTH.items():
            values = [each[name] for each in subject.measured]
            quarter = max(1, len(values) // 4)
            early = statistics.median(values[quarter : 2 * quarter] or values)
            late = statistics.median(values[-quarter:])
            slope = _slope([each["at"] for each in subject.measured], values) * 3600
            sign = "GROWS " if late > early * (1 + allowed) + SLACK else ""
            rows.append(
                f"{sign}{subject.name} {name}: second quarter {early:.1f}, last {late:.1f}, "
                f"slope of the later three quarters {slope:+.2f} an hour"
            )
    return rows


def _slope(times: list[float], values: list[float]) -> float:
    """The slope of the least squares through what was measured after the first quarter."""
    start = len(times) // 4
    if len(times) - start < 2:
        return 0.0
    return statistics.linear_regression(times[start:], values[start:]).slope


def main() -> None:
    """Run for so many hours; write what was measured to ``build/soak``."""
    hours = float(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    out = Path(__file__).parents[1] / "build" / "soak"
    out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        platform, server = stack.enter_context(simulator())
        for app in APPS:
            platform.create_app(app, COMPONENTS)
        store = stack.enter_context(redis_server())
        subjects = []
        for number, name in enumerate(("sqlite", "redis", "sqlite killed", "redis killed")):
            place = folder / name.replace(" ", "-")
            place.mkdir()
            redis = store.rpartition("/")[0] + f"/{number}"
            url = redis if "redis" in name else f"sqlite://{place / 'state.db'}"
            subjects.append(Subject(name, place, url))
        soak = Soak(platform, server, subjects, seed)
        try:
            soak.run(hours * 3600)
        finally:
            for subject in subjects:
                if subject.process is not None:
                    name = f"{subject.name.replace(' ', '-')}.log"
                    (out / name).write_text(subject.process.output)
                    subject.process.__exit__()
            measured = {subject.name: subject.measured for subject in soak.steady}
            (out / "measured.json").write_text(json.dumps(measured))
    rows = report(soak, hours)
    print("\n".join(rows))
    if any(row.startswith("GROWS") for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
