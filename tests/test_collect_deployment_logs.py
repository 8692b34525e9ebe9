"""BUILD and DEPLOY logs: read once, whole, when a deployment has come to rest."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from collect_fixtures import (
    IDENTITY,
    JOBS,
    KEY,
    START,
    WEB,
    Clock,
    Log,
    Site,
    app,
    deployment,
    not_found,
    server_error,
)
from state_files import file_state

from exporter.model import LogType, Source
from exporter.reading import attempts, deployment_logs, whole_log

BUILD = IDENTITY | {"log_type": "BUILD"}
JOB = "deployment_logs app-1"
OLD = deployment("d1", "ACTIVE", -5)


def build_site(**options: object) -> Site:
    site = Site(log_types=(LogType.RUN, LogType.BUILD), **options)
    site.scheduler.start()
    site.series.open_app(app())
    site.series.open_component(KEY, WEB)
    return site


@pytest.fixture
def site() -> Site:
    return build_site()


def look(site: Site, phase: str, changed: float = 10, name: str = "d2") -> None:
    """Read the deployments, of which ``name`` is in a phase since so many seconds."""
    site.platform.deployed["app-1"] = (deployment(name, phase, changed), OLD)
    site.deployments.read(app())


def build_log(site: Site, *archives: bytes, live: bytes | None = None, name: str = "d2") -> Log:
    log = site.platform.logs[name, LogType.BUILD] = Log(live=live, archives=archives)
    return log


def test_series_are_there_at_zero_from_the_start(site: Site):
    """Lines and matches of BUILD logs exist before the first deployment, beside those of RUN."""
    assert site.value("log_lines_total", **BUILD) == 0
    assert site.gaps(**BUILD) == 0
    assert site.value("log_matches_total", **BUILD, pattern="oops", level="error") == 0
    assert site.value("log_lines_total", **IDENTITY, log_type="DEPLOY") is None


@pytest.mark.parametrize("phase", ["ACTIVE", "ERROR", "CANCELED"])
def test_log_is_read_once_when_the_deployment_has_come_to_rest(site: Site, phase: str):
    """Nothing is read on the way; at rest every archive counts, and never again."""
    log = build_log(site, b"one\noops", b"two\n", live=b"again\n")
    for under_way in ("PENDING_BUILD", "BUILDING", "DEPLOYING"):
        look(site, under_way)
    assert site.scheduler.due(JOB) is None
    look(site, phase)
    site.scheduler.step(JOB)
    assert site.value("log_lines_total", **BUILD) == 3
    assert site.value("log_bytes_total", **BUILD) == len(b"one\noops\ntwo\n")
    assert site.value("log_matches_total", **BUILD, pattern="oops", level="error") == 1
    assert site.value("source_up", **BUILD) == 1
    assert site.value("source_last_success_timestamp_seconds", **BUILD) == START
    assert site.lines() == 0
    look(site, "SUPERSEDED", 20)
    assert site.scheduler.due(JOB) is None
    assert site.platform.asked == [("d2", "web", LogType.BUILD)]
    assert log.live == b"again\n"


def test_live_text_is_read_where_there_is_no_archive(site: Site):
    """The platform may still serve the log of an active deployment live."""
    build_log(site, live=b"one\ntwo\n")
    look(site, "ACTIVE")
    site.scheduler.step(JOB)
    assert site.value("log_lines_total", **BUILD) == 2


def test_what_was_over_at_the_start_is_not_read(site: Site):
    """The deployment that was active already has its logs behind it."""
    site.platform.deployed["app-1"] = (OLD,)
    site.deployments.read(app())
    assert site.scheduler.due(JOB) is None


def test_log_that_fails_is_read_again_and_counted_whole(site: Site):
    """What broke off in the middle counts nothing until a read gets through."""
    log = build_log(site, live=b"one\n")
    log.breaks = server_error()
    look(site, "ACTIVE")
    site.scheduler.step(JOB)
    assert site.value("log_lines_total", **BUILD) == 0
    assert site.value("source_up", **BUILD) == 0
    assert site.scheduler.due(JOB) == deployment_logs.RETRY_SECONDS
    log.breaks = None
    site.scheduler.step(JOB)
    assert site.value("log_lines_total", **BUILD) == 1
    assert site.gaps(**BUILD) == 0
    assert site.scheduler.due(JOB) is None


@pytest.mark.parametrize(
    ("error", "reads"), [(not_found(), 1), (server_error(), attempts.ATTEMPTS)]
)
def test_log_that_cannot_be_read_at_all_is_a_gap(
    site: Site, error: Exception, reads: int, caplog: pytest.LogCaptureFixture
):
    """Given up at once where it is not there, after some tries where reading fails."""
    build_log(site).error = error
    look(site, "ERROR")
    for _ in range(reads):
        site.scheduler.step(JOB)
    assert site.scheduler.due(JOB) is None
    assert site.gaps(**BUILD) == 1
    assert len(site.platform.asked) == reads
    assert sum("given up" in record.message for record in caplog.records) == 1


@pytest.mark.found(
    "The log of a build that was given up left `api_errors` above 0 until the next deployment.",
    how="looking for requests that fail and that nobody sends again",
)
def test_log_that_is_given_up_fails_no_longer(site: Site):
    """Nobody asks for it again, so no later request could work."""
    error = not_found()
    source = Source("app-1", KEY, LogType.BUILD)
    build_log(site).error = error
    look(site, "ERROR")
    site.api_metrics.failed(error.endpoint, source, error, 0.5)
    assert site.api_metrics.failing().total() == 1
    site.scheduler.step(JOB)
    assert site.gaps(**BUILD) == 1
    assert site.api_metrics.failing() == {}


def test_log_beyond_the_bound_counts_as_far_as_it_goes(site: Site, monkeypatch: pytest.MonkeyPatch):
    """Reading stops there, and the rest is a gap."""
    monkeypatch.setattr(whole_log, "MOST_BYTES", 10)
    build_log(site, b"12345678\n", b"abcdefgh\n", b"never\n")
    look(site, "ACTIVE")
    site.scheduler.step(JOB)
    assert site.value("log_lines_total", **BUILD) == 2
    assert site.gaps(**BUILD) == 1


@pytest.mark.found(
    "A build's log counted twice where another look at the deployments began to read it before the "
    "first read was over.",
    how="a fake platform written from the facts alone, slow answers, discovery every few seconds",
)
@pytest.mark.parametrize("fails", [False, True])
def test_two_reads_of_a_log_at_a_time_count_it_once(
    site: Site, fails: bool, monkeypatch: pytest.MonkeyPatch
):
    """The second is whole before the first, which then counts nothing, nor a gap if it fails."""
    build_log(site, b"one\ntwo\n")
    look(site, "ACTIVE")
    logs = site.deployment_logs
    whole = logs._whole_logs.of_deployment
    reads = []

    def slow(source: Source, deployment_id: str) -> object:
        reads.append(deployment_id)
        if len(reads) == 1:
            logs.read(app())
            if fails:
                raise not_found()
        return whole(source, deployment_id)

    monkeypatch.setattr(logs._whole_logs, "of_deployment", slow)
    logs.read(app())
    assert (len(reads), site.value("log_lines_total", **BUILD), site.gaps(**BUILD)) == (2, 2, 0)
    assert site.value("source_up", **BUILD) == 1


def test_each_component_has_its_own_log(site: Site):
    """One log per component that the app has."""
    both = app("shop", WEB, JOBS)
    build_log(site, b"one\n")
    site.platform.deployed["app-1"] = (deployment("d2", "ACTIVE", 10), OLD)
    site.deployments.read(both)
    site.scheduler.step(JOB)
    assert [component for _, component, _ in site.platform.asked] == ["web", "jobs"]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    return tmp_path / "state.db"


def test_killed_between_rest_and_read_it_is_read_after_the_restart(path: Path):
    """What is due outlives the process, and what was read is not read again."""
    clock = Clock(START)
    for run, (phase, expected) in enumerate(
        [("BUILDING", 0), ("ACTIVE", 0), ("ACTIVE", 2), ("SUPERSEDED", 2)]
    ):
        clock.now = START + 100 * run
        state = file_state(path, clock)
        site = build_site(state=state, clock=clock)
        build_log(site, b"one\ntwo\n")
        look(site, phase, 100 * run)
        if run == 2:
            site.scheduler.step(JOB)
        if run == 3:
            assert site.scheduler.due(JOB) is None
        assert site.ledger.flush()
        assert site.value("log_lines_total", **BUILD) == expected
        state.close()


def test_failures_count_by_step_and_reason_over_restarts(path: Path):
    """At 0 from the start for no known reason; a reason once seen is there again later."""
    labels = {"app": "shop", "step": "build", "reason": "unknown"}
    clock = Clock(START)
    with closing(file_state(path, clock)) as state:
        site = build_site(state=state, clock=clock)
        assert site.value("deployment_failures_total", **labels) == 0
        look(site, "BUILDING")
        look(site, "ERROR")
        look(site, "ERROR")
        assert site.ledger.flush()
        assert site.value("deployment_failures_total", **labels) == 1
    with closing(file_state(path, clock)) as state:
        again = build_site(state=state, clock=clock)
        assert again.value("deployment_failures_total", **labels) == 1
