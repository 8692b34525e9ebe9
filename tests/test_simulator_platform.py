"""The simulated platform's state: what it serves of what was written, and what it knows of it."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.model import ComponentKey, LogType
from exporter.simulator.documents import monitoring_document, restart_count
from exporter.simulator.log_reading import LogPlaces, LogReader, LogRequest
from exporter.simulator.lookup import LogRefusedError, UnknownTargetError
from exporter.simulator.platform import EXITED, TERMINATED, Platform
from exporter.simulator.scenario import Scenario
from exporter.simulator.state import ComponentSpec, Kind, Layout

NOW = 1_800_000_000.0


class Clock:
    """A clock that moves when a test says so."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def make(instances: int = 2, **options) -> tuple[Platform, LogReader]:
    platform = Platform(Clock(), record_lines=True, **options)
    worker = ComponentSpec("mail", Kind.WORKER)
    site = ComponentSpec("front", Kind.STATIC_SITE)
    platform.create_app("shop", [ComponentSpec("web", instances=instances), worker, site])
    return platform, LogReader(platform)


def request(platform: Platform, component: str | None = "web", **fields) -> LogRequest:
    deployment_id = fields.pop("deployment_id", None) or platform.active_deployment_id("shop")
    return LogRequest(platform.app_id("shop"), deployment_id, component, **fields)


def lines(text: bytes) -> list[bytes]:
    return text.splitlines(keepends=True)


def messages(text: bytes) -> list[bytes]:
    return [line.split(b" ", 2)[2].rstrip(b"\n") for line in lines(text)]


def test_a_line_has_component_nanoseconds_and_message():
    """A line is served as component, RFC 3339 time with nine decimals, and message."""
    platform, reader = make()
    platform.write("shop", "web", 0, "GET /", timestamp_ns=1_793_491_200_123_456_789)
    expected = b"web 2026-11-01T00:00:00.123456789Z GET /\n"
    assert reader.text(request(platform)) == expected
    truth = platform.truth().of("shop", "web")
    assert (truth.lines, truth.bytes) == (1, len(expected))
    assert truth.last_timestamp_ns == 1_793_491_200_123_456_789


def test_timestamps_rise_strictly_while_the_clock_stands():
    """Lines of one instance differ in time, even within one tick of the clock."""
    platform, reader = make()
    platform.write("shop", "web", 0, "a\nb")
    platform.write("shop", "web", 0, "c")
    times = [line.split(b" ")[1] for line in lines(reader.text(request(platform)))]
    assert times == sorted(set(times))
    assert len(times) == 3


def test_raw_lines_have_no_prefix():
    """A raw line is served as it was written."""
    platform, reader = make()
    platform.write_raw("shop", "web", 0, b"\xff cut")
    assert reader.text(request(platform)) == b"\xff cut\n"


def test_layouts_and_tails():
    """Instances come one after another or merged; a tail counts per instance or in total."""
    platform, reader = make()
    for index in range(6):
        platform.write("shop", "web", index % 2, str(index), timestamp_ns=int(NOW * 1e9) + index)
    tail = request(platform, tail_lines=2)
    assert messages(reader.text(request(platform))) == [b"0", b"2", b"4", b"1", b"3", b"5"]
    assert messages(reader.text(tail)) == [b"2", b"4", b"3", b"5"]
    platform.set_layout("shop", Layout.INTERLEAVED)
    assert messages(reader.text(request(platform))) == [b"0", b"1", b"2", b"3", b"4", b"5"]
    reader.tail_in_total = True
    assert messages(reader.text(tail)) == [b"4", b"5"]
    assert reader.text(request(platform, tail_lines=0)) == b""


@settings(max_examples=150, deadline=None)
@given(
    writes=st.lists(
        st.tuples(st.integers(0, 1), st.sampled_from(["x", "y", "", "two\nlines"]), st.booleans()),
        max_size=40,
    ),
    tail=st.integers(-1, 10),
    layout=st.sampled_from(Layout),
    in_total=st.booleans(),
    retention=st.integers(1, 30),
)
def test_what_is_served_was_written(writes, tail, layout, in_total, retention):
    """Any tail in any layout is a part of the truth, and what is not lost can be had."""
    platform, reader = make(retention_lines=retention)
    reader.tail_in_total = in_total
    platform.set_layout("shop", layout)
    for instance, message, crash in writes:
        platform.write("shop", "web", instance, message)
        if crash:
            platform.crash("shop", "web", instance, ["bye"])
    written = Counter(platform.lines_written("shop", "web"))
    run = Counter(lines(reader.text(request(platform, tail_lines=tail))))
    ended = request(platform, tail_lines=tail, log_type=LogType.RUN_RESTARTED)
    served = run + Counter(lines(reader.text(ended)))
    assert served <= written
    everything = Counter(lines(reader.text(request(platform))))
    everything += Counter(lines(reader.text(request(platform, log_type=LogType.RUN_RESTARTED))))
    truth = platform.truth().of("shop", "web")
    assert everything.total() == truth.lines - truth.lost_lines
    assert sum(map(len, everything.elements())) == truth.bytes - truth.lost_bytes
    assert truth.container_ends == sum(crash for _, _, crash in writes)


def test_a_crash_moves_the_log():
    """After a crash RUN shows the new container, RUN_RESTARTED the one that ended."""
    platform, reader = make()
    restarted = request(platform, log_type=LogType.RUN_RESTARTED)
    assert reader.places(restarted) == LogPlaces()
    platform.write("shop", "web", 0, "before")
    platform.write("shop", "web", 1, "neighbour")
    platform.crash("shop", "web", 0, ["out of memory", "killed"])
    platform.write("shop", "web", 0, "after")
    assert messages(reader.text(request(platform))) == [b"after", b"neighbour"]
    assert reader.places(restarted) == LogPlaces(live=True)
    assert messages(reader.text(restarted)) == [b"before", b"out of memory", b"killed"]
    platform.crash("shop", "web", 1, ["me too"])
    assert messages(reader.text(restarted))[3:] == [b"neighbour", b"me too"]
    assert platform.truth().of("shop", "web").container_ends == 2


def test_a_newer_crash_replaces_an_older_one():
    """An end that nobody was shown before the next one is lost, and the truth says so."""
    platform, reader = make(instances=1)
    restarted = request(platform, log_type=LogType.RUN_RESTARTED)
    platform.crash("shop", "web", 0, ["first"])
    platform.crash("shop", "web", 0, ["second"])
    assert messages(reader.text(restarted)) == [b"second"]
    platform.crash("shop", "web", 0, ["third"])
    truth = platform.truth().of("shop", "web")
    assert (truth.container_ends, truth.lost_container_ends, truth.lost_lines) == (3, 1, 1)


def test_retention_loses_only_what_was_never_served():
    """Lines that fell out are lost if no answer held them, and not otherwise."""
    platform, reader = make(instances=1, retention_lines=3)
    for index in range(3):
        platform.write("shop", "web", 0, str(index))
    reader.text(request(platform, tail_lines=1))
    for index in range(3):
        platform.write("shop", "web", 0, str(index))
    assert platform.truth().of("shop", "web").lost_lines == 2


def test_a_deployment_supersedes_and_archives():
    """The old deployment's whole log moves to archives; the new one begins empty."""
    platform, reader = make(instances=1, run_archives=True)
    old = platform.active_deployment_id("shop")
    for index in range(5):
        platform.write("shop", "web", 0, str(index))
    new = platform.deploy("shop")
    assert new == platform.active_deployment_id("shop") != old
    assert reader.text(request(platform)) == b""
    reader.archives_per_log = 3
    past = request(platform, deployment_id=old, tail_lines=1)
    assert reader.places(past) == LogPlaces(archives=3)
    parts = [messages(part) for part in reader.archives(past)]
    assert parts == [[b"0", b"1"], [b"2", b"3"], [b"4"]]
    truth = platform.truth()
    assert truth.of("shop", "web").container_ends == 0
    assert truth.phases["shop"]["ACTIVE"] == 2
    assert truth.phases["shop"]["SUPERSEDED"] == 1
    with pytest.raises(UnknownTargetError):
        platform.write("shop", "web", 0, "late", deployment_id=old)


@pytest.mark.parametrize("log_type", [LogType.RUN, LogType.RUN_RESTARTED])
def test_run_time_logs_of_a_deployment_that_has_ended_are_refused(log_type: LogType):
    """A stream that is open brings the last words; what nobody was shown is lost."""
    platform, reader = make(instances=2)
    old = request(platform, log_type=log_type)
    platform.write("shop", "web", 0, "before")
    live, _ = reader.open(request(platform))
    platform.write("shop", "mail", 0, "unseen")
    platform.deploy("shop", last_words={"web": ["bye"]})
    assert messages(reader.more(live).data) == [b"bye", b"bye"]
    with pytest.raises(LogRefusedError, match="cannot get running logs from deployment"):
        reader.places(old)
    assert reader.places(request(platform)).live
    truth = platform.truth()
    assert (truth.of("shop", "web").lines, truth.of("shop", "web").lost_lines) == (3, 0)
    assert (truth.of("shop", "mail").lost_lines, truth.of("shop", "web").container_ends) == (1, 0)


def test_the_platform_tells_of_an_end_late_and_with_its_code():
    """The line stands in the new container's log, and its time is before that of the last words."""
    platform, reader = make(instances=1)
    platform.crash("shop", "web", 0, ["panic: no"], exit_code=137)
    [told] = lines(reader.text(request(platform)))
    assert told.endswith(b" ERROR component web exited with code: 137\n")
    [words] = lines(reader.text(request(platform, log_type=LogType.RUN_RESTARTED)))
    assert told.split()[1] < words.split()[1]
    assert platform.truth().exits == {ComponentKey("shop", "web"): {137: 1}}


def test_one_exit_may_be_told_in_several_lines():
    """Both wordings and one of them again: three lines in the new log, one exit in the truth."""
    platform, reader = make(instances=1)
    told = (EXITED, TERMINATED, EXITED)
    platform.crash("shop", "web", 0, ["panic: no"], exit_code=2, told=told)
    messages = [line.split(b" ", 2)[2] for line in lines(reader.text(request(platform)))]
    assert messages == [
        b"ERROR component web exited with code: 2\n",
        b"ERROR component web terminated with non-zero exit code: 2\n",
        b"ERROR component web exited with code: 2\n",
    ]
    assert platform.truth().exits == {ComponentKey("shop", "web"): {2: 1}}


def test_a_container_that_is_replaced_exits_behind_its_last_words():
    """At a hand-over the platform tells the code of SIGTERM in the old log: no crash."""
    platform, _ = make(instances=1)
    platform.begin_deployment("shop")
    words = {"web": ["bye"]}
    while platform.advance_deployment("shop", words, exit_code=143) != "ACTIVE":
        pass
    bye, exited = platform.lines_written("shop", "web")[-2:]
    assert bye.endswith(b" bye\n")
    assert exited.endswith(b" ERROR component web exited with code: 143\n")
    truth = platform.truth()
    assert truth.exits[ComponentKey("shop", "web")] == {143: 1}
    assert truth.of("shop", "web").container_ends == 0


def test_a_deployment_in_progress_runs_beside_the_active_one():
    """New containers write from DEPLOYING on, and take over only when active."""
    platform, reader = make(run_archives=True)
    old = platform.active_deployment_id("shop")
    new = platform.begin_deployment("shop")
    assert reader.places(request(platform, deployment_id=new)) == LogPlaces()
    build = request(platform, deployment_id=new, log_type=LogType.BUILD)
    platform.write_deployment_log("shop", "web", LogType.BUILD, "=> building")
    assert reader.text(build) == b"=> building\n"
    assert reader.places(build).live
    while platform.advance_deployment("shop") != "DEPLOYING":
        pass
    platform.write("shop", "web", 0, "new", deployment_id=new)
    platform.write("shop", "web", 0, "old")
    assert platform.active_deployment_id("shop") == old
    assert messages(reader.text(request(platform, deployment_id=new))) == [b"new"]
    platform.end_deployment("shop", "ERROR")
    assert platform.active_deployment_id("shop") == old
    assert reader.places(request(platform, deployment_id=new)).archives == 1
    assert reader.places(build) == LogPlaces(archives=1)
    assert messages(reader.text(request(platform))) == [b"old"]
    assert platform.truth().phases["shop"]["ERROR"] == 1


def test_rollback_makes_a_new_deployment_or_reuses_the_id():
    """A rollback brings the earlier spec back, under a new id or under the earlier one."""
    platform, _ = make()
    first = platform.active_deployment_id("shop")
    second = platform.deploy("shop", [ComponentSpec("api")])
    third = platform.rollback("shop", first)
    assert third not in (first, second)
    platform.write("shop", "web", 1, "back")
    assert platform.rollback("shop", second, new_deployment=False) == second
    assert platform.active_deployment_id("shop") == second
    platform.write("shop", "api", 0, "back")
    with pytest.raises(UnknownTargetError):
        platform.write("shop", "web", 0, "gone")


def test_past_deployments_are_forgotten():
    """Only so many past deployments are kept; what they held unserved is lost."""
    platform, reader = make(instances=1, past_deployments=1)
    old = platform.active_deployment_id("shop")
    platform.write("shop", "web", 0, "never read")
    for _ in range(3):
        platform.deploy("shop")
    with pytest.raises(UnknownTargetError):
        reader.text(request(platform, deployment_id=old))
    assert platform.truth().of("shop", "web").lost_lines == 1


def test_a_live_tail_shows_each_line_once_and_ends_with_its_container():
    """A live tail goes on where it stopped, and does not move to the new container."""
    platform, reader = make(instances=1)
    platform.write("shop", "web", 0, "1")
    live, text = reader.open(request(platform))
    assert messages(text) == [b"1"]
    platform.write("shop", "web", 0, "2")
    more = reader.more(live)
    assert (messages(more.data), more.ended) == ([b"2"], 0)
    platform.crash("shop", "web", 0, ["3"])
    platform.write("shop", "web", 0, "4")
    more = reader.more(live)
    assert (messages(more.data), more.ended, more.containers) == ([b"3"], 1, 1)
    assert reader.more(live).data == b""


def test_static_sites_have_no_run_log():
    """A static site is part of the app but has neither instances nor run logs."""
    platform, reader = make()
    assert reader.places(request(platform, "front")) == LogPlaces()
    with pytest.raises(UnknownTargetError):
        reader.places(request(platform, "nobody"))
    with pytest.raises(UnknownTargetError):
        platform.write("shop", "front", 0, "no")


def test_removed_apps_are_gone_but_remembered():
    """Nothing of a removed app can be asked for; the truth about it stays."""
    platform, reader = make()
    platform.write("shop", "web", 0, "last")
    wanted = request(platform)
    platform.remove_app("shop")
    with pytest.raises(UnknownTargetError):
        reader.text(wanted)
    truth = platform.truth().of("shop", "web")
    assert (truth.lines, truth.lost_lines) == (1, 1)


def play(seed: int, seconds: int) -> Platform:
    clock = Clock()
    platform = Platform(clock, record_lines=True)
    scenario = Scenario(platform, random.Random(seed), lines_per_second=10)
    for _ in range(seconds * 10):
        scenario.step(clock.now)
        clock.now += 0.1
    return platform


@pytest.mark.parametrize("seed", range(5))
def test_the_first_minute_of_the_scenario_has_errors_and_a_crash(seed):
    """Within a minute every component errs, and the mail worker crashes with last words."""
    platform = play(seed, 60)
    truth = platform.truth()
    assert truth.of("shop", "emails").container_ends == 1
    assert 500 < sum(log.lines for log in truth.logs.values()) < 1100
    text = b"".join(platform.lines_written("shop", "emails"))
    assert b"heap out of memory" in text or b"triggerUncaughtException" in text
    for component in ("web", "emails", "invoices"):
        assert any(
            word in line.lower()
            for line in platform.lines_written("shop", component)
            for word in (b"error", b"timeout", b'http/1.1" 50')
        )


def test_the_scenario_is_deterministic_and_deploys():
    """The same seed gives the same lines; within five minutes there is a deployment."""
    one, two = play(7, 300), play(7, 300)
    assert one.truth() == two.truth()
    assert one.lines_written("blog", "api") == two.lines_written("blog", "api")
    assert sum(phases["PENDING_BUILD"] for phases in one.truth().phases.values()) > 2


def test_the_scenario_has_the_platforms_own_lines():
    """Half an hour of two plays: exits in both wordings and told twice, failed checks, launches."""
    plays = [play(seed, 1800) for seed in range(2)]
    components = [("shop", name) for name in ("web", "emails", "invoices")]
    components += [("blog", name) for name in ("api", "search")]
    written = [
        line.split(b" ", 2)[2]
        for each in plays
        for c in components
        for line in each.lines_written(*c)
    ]
    for words in (
        b"exited with code: 143",
        b"exited with code: 190",
        b"terminated with non-zero exit code: ",
        b"failed health checks after ",
        b"ERROR: failed to launch: ",
    ):
        assert any(words in message for message in written), words
    exits = [codes for each in plays for codes in each.truth().exits.values()]
    told = sum(b"exited with code: " in message for message in written)
    assert told > sum(sum(codes.values()) for codes in exits)
    crashes = sum(log.container_ends for each in plays for log in each.truth().logs.values())
    assert sum(n for codes in exits for code, n in codes.items() if code != 143) == crashes


def test_restart_counts_come_as_late_as_they_are_told_to():
    """An end shows after the lag, and so does the deployment whose instances are counted."""
    clock = Clock()
    platform = Platform(clock)
    platform.create_app("shop", [ComponentSpec("web")])
    platform.set_restart_count_lag("shop", 90.0)
    clock.now += 100
    platform.crash("shop", "web", 0)
    platform.deploy("shop")

    def counted() -> list[str]:
        document = platform.view(
            lambda apps: monitoring_document(
                apps[platform.app_id("shop")], "web", clock.now - 600, clock.now, restart_count
            )
        )
        return [series["values"][-1][1] for series in document["data"]["result"]]

    told = []
    for seconds in (0, 89, 1):
        clock.now += seconds
        told.append(counted())
    assert told == [["0"], ["0"], ["0"]]
    platform.crash("shop", "web", 0)
    clock.now += 89
    assert counted() == ["0"]
    clock.now += 1
    assert counted() == ["1"]
