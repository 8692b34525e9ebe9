"""Components whose lines are pushed, in an account as production builds it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from collect_fixtures import ALL_OFF, KEY, START, WEB, Site, app, line

from exporter.config.addresses import ListenAddress
from exporter.config.schema import Config
from exporter.errors import RequestRefused
from exporter.model import (
    Component,
    ComponentHealth,
    ComponentKey,
    ComponentKind,
    GapReason,
    JobKind,
    JobSpec,
    LogType,
    Source,
)
from exporter.reading.receiver import SILENCE_SECONDS
from exporter.receiving.intake import Taken
from exporter.service.environment import Environment

RUN_SOURCE = Source("app-1", KEY, LogType.RUN)


@dataclass
class ReceivingSite(Site):
    """An account that receives the lines of all components; nothing listens."""

    def environment(self) -> Environment:
        return replace(super().environment(), monotonic=self.clock)

    def config(self, settings: Any) -> Config:
        config = super().config(settings)
        receive = config.receive.model_copy(
            update={"listen_addresses": (ListenAddress("", 0),), "components": ("*",)}
        )
        return config.model_copy(update={"receive": receive})

    def begin(self) -> "ReceivingSite":
        self.scheduler.start()
        self.platform.listing = (app(),)
        assert self.discovery.run()
        return self

    @property
    def receiver(self) -> Any:
        assert self.parts.inbox is not None
        return self.parts.inbox.receiver

    def push(self, *messages: str, digest: int = 0) -> Any:
        raws = [line(self.clock() - START, message).rstrip(b"\n") for message in messages]
        digest = digest or hash((self.clock(), messages)) & 0xFFFF
        return self.receiver.take(digest.to_bytes(16, "big"), {KEY: raws})

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.receiver.beat()

    def shows(self, *messages: str) -> None:
        """What a poll of the RUN log shows from now on."""
        text = (line(number + 1, message) for number, message in enumerate(messages))
        self.platform.log("d1").live = b"".join(text)

    def poll(self) -> None:
        self.poller.poll(RUN_SOURCE)


def asked_for_run(site: Site) -> int:
    return sum(log_type is LogType.RUN for _, _, log_type in site.platform.asked)


def test_no_run_log_is_read_while_lines_are_pushed():
    site = ReceivingSite().begin()
    site.push("a", "b")
    for _ in range(5):
        site.pass_time(SILENCE_SECONDS / 2)
        site.push("c")
        site.poll()
    assert site.lines() == 7
    assert asked_for_run(site) == 0
    assert site.value("receiving", app="shop", component="web") == 1


def test_a_batch_for_a_component_that_has_gone_is_refused_and_counts_when_it_comes_again():
    """As where a configuration is loaded anew between the request's routing and its counting."""
    site = ReceivingSite().begin()
    site.platform.listing = ()
    assert site.discovery.run()
    with pytest.raises(RequestRefused):
        site.push("a", digest=7)
    site.platform.listing = (app(),)
    assert site.discovery.run()
    site.push("a", digest=7)
    assert site.lines() == 1


def test_a_component_that_falls_silent_is_polled_from_where_pushes_ended():
    site = ReceivingSite().begin()
    site.push("a", "b")
    site.shows("a", "b", "c", "c")
    site.pass_time(SILENCE_SECONDS)
    site.poll()
    assert site.lines() == 4
    assert site.gaps() == 0
    assert site.value("receiving", app="shop", component="web") == 0


def test_where_no_pushed_line_is_shown_a_gap_is_counted_and_nothing_twice():
    site = ReceivingSite().begin()
    site.push("a", "b")
    site.shows("x", "y")
    site.pass_time(SILENCE_SECONDS)
    site.poll()
    assert site.lines() == 2
    assert site.gaps(GapReason.WINDOW) == 1
    site.shows("x", "y", "z")
    site.poll()
    assert (site.lines(), site.gaps()) == (3, 1)


def test_pushes_that_come_back_end_the_polls_and_count_nothing_again():
    site = ReceivingSite().begin()
    site.push("a")
    site.shows("a", "b", "c")
    site.pass_time(SILENCE_SECONDS)
    site.poll()
    polls = asked_for_run(site)
    site.push("b", "c", "d")
    site.pass_time(10)
    site.poll()
    assert site.lines() == 4
    assert asked_for_run(site) == polls == 1
    assert site.value("receiving", app="shop", component="web") == 1


@pytest.mark.found(
    "a line with colours or a process manager's prefix counted again when its component was "
    "polled instead of being received: what was unwrapped was held against what was not",
    how="reading where messages are unwrapped, to make it once; then this test",
)
def test_lines_with_colours_are_known_in_both_directions_of_the_change():
    site = ReceivingSite().begin()
    red, named = "\x1b[31ma\x1b[0m", "web-1  | b"
    site.push(red, named)
    site.shows(red, named, "\x1b[32mc\x1b[0m")
    site.pass_time(SILENCE_SECONDS)
    site.poll()
    assert (site.lines(), site.gaps()) == (3, 0)
    site.clock.now += 10
    site.push("\x1b[32mc\x1b[0m", "d")
    assert (site.lines(), site.gaps()) == (4, 0)


def test_a_component_without_ready_instances_may_be_silent():
    site = ReceivingSite().begin()
    site.platform.healths = (ComponentHealth("web", None, 0, 0, None, None),)
    site.parts.watching.platform_metrics.read_health(app())
    site.pass_time(2 * SILENCE_SECONDS)
    site.poll()
    assert asked_for_run(site) == 0


def test_a_reload_keeps_what_is_known_of_pushed_lines():
    """A batch that comes again after it counts once, and a polled component stays polled."""
    site = ReceivingSite().begin()
    site.push("a", digest=7)
    site.reload(ALL_OFF)
    taken = site.push("a", digest=7)
    assert (taken.counted, taken.repeated) == (0, 1)
    assert site.lines() == 1


def test_an_exit_that_the_platform_pushes_is_counted_once_run_restarted_shows_it():
    site = ReceivingSite().begin()
    site.push("panic: no stock", "ERROR component web exited with code: 2")
    restarted = Source("app-1", KEY, LogType.RUN_RESTARTED)
    assert site.scheduler.due(restarted) == 0
    site.platform.log("d1", LogType.RUN_RESTARTED).live = line(0, "panic: no stock")
    site.poller.poll(restarted)
    assert site.lines() == 2
    assert site.value("container_exits_total", app="shop", component="web", exit_code="2") == 1
    reasons = {"app": "shop", "component": "web", "reason": "panic"}
    assert site.value("restarts_total", **reasons) == 1
    assert site.gaps() == 0


@pytest.mark.found(
    "The pushed lines of a scheduled job counted under RUN, and its runs' logs once more.",
    how="the forms of pushed logs were held against the kinds of components",
)
def test_pushed_lines_of_a_scheduled_job_are_not_counted_beside_the_logs_of_its_runs():
    """They are acknowledged; a run's log is read whole when the run has ended."""
    site = ReceivingSite()
    site.scheduler.start()
    job = Component(
        "cleanup", ComponentKind.JOB, "small", 1, job=JobSpec(JobKind.SCHEDULED, "* * * * *")
    )
    site.platform.listing = (app("shop", WEB, job),)
    assert site.discovery.run()
    key = ComponentKey("shop", "cleanup")
    digest = (1).to_bytes(16, "big")
    raws = [line(1, "cleaned", "cleanup").rstrip(b"\n")] * 2
    assert site.receiver.take(digest, {key: raws, KEY: raws[:1]}) == Taken(1, 2)
    names = {"app": "shop", "component": "cleanup"}
    assert site.value("log_lines_total", **names, log_type="JOB_INVOCATION") == 0
    assert site.value("log_lines_total", **names, log_type="RUN") is None
