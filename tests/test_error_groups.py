"""Error groups: what is one, what is new, what is kept, and what no text may do."""

import logging
from pathlib import Path

import pytest
from collect_fixtures import IDENTITY, KEY, RUN, START, WEB, Site, line
from hypothesis import given
from hypothesis import strategies as st
from state_files import file_state

from exporter.counting.error_counts import error_groups_of, recent_errors_of
from exporter.counting.ledger import GRACE_SECONDS
from exporter.logs.redaction import redact
from exporter.matching.grouping.error_groups import FRESH_SECONDS, MAX_GROUPS, ErrorGroups, Group
from exporter.matching.grouping.masks import mask
from exporter.model import LIVE_PART, Level, LogChunk, Rule
from exporter.reading.reading import Reading
from exporter.state.store import State

RULES = (
    Rule("error", "ERROR|Error", per_event=True),
    Rule("fatal", "FATAL", Level.CRITICAL),
    Rule("slow", "slow", Level.WARNING),
)
NEW = "new_error_groups_total"


def groups_of(*messages: str) -> ErrorGroups:
    groups = ErrorGroups((), redact)
    for message in messages:
        groups.take(message.encode(), Level.ERROR, START)
    return groups


@pytest.mark.parametrize(
    ("message", "masked"),
    [
        ("order 4711 took 12.5ms", "order <num> took <num>ms"),
        ("2026-11-01 10:00:00,123 ERROR x", "<time> ERROR x"),
        ("2026-11-01T10:00:00.123456Z x", "<time> x"),
        ("user 0b0e2d36-3e3c-4b5e-9c9e-0f3f2f1b6c11", "user <uuid>"),
        ("connect ECONNREFUSED 10.0.0.5:5432", "connect ECONNREFUSED <address>"),
        ("dial tcp [fd00::1]:80: refused", "dial tcp <address>: refused"),
        ("open /var/lib/app/data.db: denied", "open <path>: denied"),
        ("GET https://api.test/v1/x?y=1 failed", "GET <url> failed"),
        ("KeyError: 'items'", "KeyError: <str>"),
        ('column "price" does not exist', "column <str> does not exist"),
        ("can't connect, won't try", "can't connect, won't try"),
        ("at 0xc000012a80 and deadbeef01", "at <hex> and <hex>"),
        ("pod web-76b84c7fb8-6p8kq died", "pod <id> died"),
        ("mail to jo@shop.test bounced", "mail to <email> bounced"),
        ("no stock", "no stock"),
    ],
)
def test_what_differs_each_time_is_masked(message: str, masked: str):
    """Numbers, times, ids, addresses, paths and quoted names are; words are not."""
    assert mask(message) == masked


def test_errors_that_differ_in_ids_and_names_are_one_group():
    """A word in many that differs is no part of the group either; other words are another group."""
    groups = groups_of(
        "payment 17 of order 4711 failed: card declined",
        "payment 18 of order 4712 failed: card declined",
        "could not send the mail to customer alice because of a bounce",
        "could not send the mail to customer robert because of a bounce",
        "payment 19 of order 4713 failed: no such order, gave up",
        "KeyError: 'items'",
        "ValueError: 'items'",
    )
    assert [(group.template, group.count) for group in groups.groups.values()] == [
        ("payment <num> of order <num> failed: card declined", 2),
        ("could not send the mail to customer <*> because of a bounce", 2),
        ("payment <num> of order <num> failed: no such order, gave up", 1),
        ("KeyError: <str>", 1),
        ("ValueError: <str>", 1),
    ]


def test_of_json_what_it_says_is_the_group():
    """The message and the error of an object, not its other fields."""
    groups = groups_of(
        '{"level":"error","time":1,"msg":"no stock","error":"timeout","trace_id":"a"}',
        '{"time":2,"error":{"message":"timeout"},"msg":"no stock","user":"bob","level":"error"}',
        '{"level":"error","code":17}',
    )
    assert [group.template for group in groups.groups.values()] == [
        "no stock timeout",
        "{<str>:<str>,<str>:<num>}",
    ]


def test_no_secret_is_kept():
    """Neither the sample nor the words of a group hold what redaction takes out."""
    groups = groups_of("ERROR login with password=hunter2 at postgres://app:s3cret@db/shop failed")
    kept = groups.groups[1].to_bytes()
    assert b"hunter2" not in kept
    assert b"s3cret" not in kept


def test_kinds_are_bounded_and_a_flood_of_new_ones_is_one():
    """Within an hour so many are told apart; later a new one takes the place of an old one."""
    groups = ErrorGroups((), redact)
    words = [f"{chr(97 + a)}{chr(97 + b)} broke" for a in range(26) for b in range(26)]
    new = [groups.take(word.encode(), Level.ERROR, START)[1] for word in words]
    assert sum(new) == MAX_GROUPS
    assert len(groups.groups) == MAX_GROUPS + 1
    assert groups.seen_since(START - 1) == MAX_GROUPS + 1
    assert groups.take(words[0].encode(), Level.ERROR, START + 1) == (groups.groups[1], False)
    later = START + FRESH_SECONDS + 1
    assert groups.take(b"something else is wrong", Level.ERROR, later)[1]
    assert groups.forgotten() == [2]
    assert len(groups.groups) == MAX_GROUPS + 1


WORDS = ["a", "b", "c", "7", "x=1", "'q'", "<*>", "<num>", "é", "/a/b/c", "{"]
MESSAGES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.sampled_from(["a", "b", "c", "7", "x=1", "'q'", "<*>", "<num>", "é", "/a/b/c", "{"]),
            max_size=9,
        ).map(lambda words: " ".join(words).encode()),
    ),
    min_size=1,
    max_size=40,
)


@given(messages=MESSAGES)
def test_a_text_is_new_once_and_after_a_restart_not_at_all(messages: list[bytes]):
    """Any bytes have a group; what was taken is known, also to one that reads what was kept."""
    groups = ErrorGroups((), redact)
    for message in messages:
        groups.take(message, Level.ERROR, START)
    kept = [group.to_bytes() for group in groups.groups.values()]
    assert sum(group.count for group in groups.groups.values()) == len(messages)
    again = ErrorGroups(map(Group.from_bytes, kept), redact)
    assert [group.to_bytes() for group in again.groups.values()] == sorted(
        kept, key=lambda document: Group.from_bytes(document).number
    )
    for message in messages:
        assert not groups.take(message, Level.ERROR, START)[1]
        assert not again.take(message, Level.ERROR, START)[1]


def opened(state: State | None = None) -> Site:
    site = Site(rules=RULES, state=state)
    site.series.open_component(KEY, WEB)
    return site


def read(site: Site, *messages: str, start: float = 1) -> None:
    reading = Reading(site.pipeline, RUN, WEB, "d1", tail_lines=100_000, from_first_line=False)
    text = b"".join(line(start + n / 1000, message) for n, message in enumerate(messages))
    reading.feed(LogChunk(text, LIVE_PART, last=True))
    reading.end()


def shown(site: Site) -> tuple[float | None, float | None]:
    return site.value("error_groups", **IDENTITY), site.value(NEW, **IDENTITY)


def test_both_metrics_are_there_from_discovery_at_zero():
    """So that the first error is an increase; they go with the component."""
    site = opened()
    assert shown(site) == (0, 0)
    site.series.close_component(KEY)
    assert shown(site) == (None, None)


def test_only_lines_at_error_level_have_a_group(caplog: pytest.LogCaptureFixture):
    """Each new group is said once, without its secrets, at the worst level of its rules."""
    site = opened()
    site.clock.now += 60
    read(site, "slow: 3 s", "hello", "FATAL ERROR no disk", "FATAL token=abc123 refused", "fine")
    site.clock.now += 60
    read(site, "FATAL token=xyz789 refused", start=60)
    site.clock.now += 60
    read(site)
    assert shown(site) == (2, 2)
    said = [r.__dict__["fields"] for r in caplog.records if "new error group" in r.msg]
    assert [(str(each["error_level"]), each["text"]) for each in said] == [
        ("critical", "FATAL token=[secret] refused"),
        ("critical", "FATAL ERROR no disk"),
    ]


def test_the_latest_errors_are_kept_for_the_page_and_shown_without_secrets():
    """Twenty with their own times, the newest first, each cut; none of what is no error."""
    site = opened()
    site.clock.now += 60
    read(site, *(f"FATAL token=abc{number} refused {'x' * 600}" for number in range(25)), "fine")
    site.clock.now += 60
    read(site)
    lines = recent_errors_of(site.components.get(KEY))
    assert len(lines) == 20
    assert [line.at for line in lines] == sorted((line.at for line in lines), reverse=True)
    assert all(line.text.startswith("FATAL token=[secret] refused xxx") for line in lines)
    assert all(len(line.text) <= 510 for line in lines)
    assert "abc" not in repr(lines)


@pytest.mark.found(
    "each crash was two new kinds of error beside itself: the platform's own lines about the exit",
    how="the page and the notifications of one crash were read line by line",
)
def test_the_platforms_line_about_an_exit_is_no_kind_of_error():
    """It is among the latest errors all the same; a program that says the like is a kind."""
    site = opened()
    read(
        site,
        "ERROR component web exited with code: 137",
        "ERROR component web terminated with non-zero exit code: 137",
        "ERROR child exited with code: 137",
    )
    site.clock.now += 60
    read(site)
    (group,) = error_groups_of(site.components.get(KEY))
    assert group.sample == "ERROR child exited with code: 137"
    assert shown(site) == (1, 1)
    assert len(recent_errors_of(site.components.get(KEY))) == 3


def test_the_kind_of_an_event_is_that_of_its_exception():
    """Two traces of one exception are one group, whatever their frames are."""
    site = opened()
    site.clock.now += 60
    for second, place in ((1, "main"), (5, "jobs")):
        read(
            site,
            "Traceback (most recent call last):",
            f'  File "{place}.py", line {second}, in work',
            "    raise ConnectionError(1)",
            f"shop.ConnectionError: host 10.0.0.{second} is gone",
            start=second,
        )
        site.clock.now += 60
    read(site)
    (group,) = error_groups_of(site.components.get(KEY))
    assert (group.template, group.count) == ("shop.ConnectionError: host <address> is gone", 2)
    assert (group.first_seen, group.last_seen) == (START + 1.003, START + 5.003)
    assert shown(site) == (1, 1)


def test_after_an_hour_a_kind_is_not_recent_any_more():
    """The gauge falls; the group stays known."""
    site = opened()
    read(site, "FATAL one")
    assert shown(site) == (1, 1)
    site.clock.now += FRESH_SECONDS + 2
    read(site)
    assert shown(site) == (0, 1)
    read(site, "FATAL one", start=3599)
    assert shown(site)[1] == 1


def test_after_a_restart_nothing_is_new_again(tmp_path: Path):
    """Kinds are kept beside the counts; what the last save did not have is new once more."""

    def state() -> State:
        return file_state(tmp_path / "state.db", lambda: START)

    first = state()
    site = opened(first)
    read(site, "FATAL one 1")
    assert site.ledger.flush()
    read(site, "FATAL two is here", start=2)
    first.close()
    second = state()
    site = opened(second)
    assert site.value(NEW, **IDENTITY) == 1
    read(site, "FATAL one 1", "FATAL one 2")
    site.ledger.flush()
    assert site.value(NEW, **IDENTITY) == 1
    read(site, "FATAL two is here", start=2)
    site.ledger.flush()
    assert site.value(NEW, **IDENTITY) == 2
    second.close()


def test_kinds_go_with_their_component():
    """After the grace period nothing of them is kept."""
    site = opened()
    read(site, "FATAL one")
    assert site.ledger.documents.kept("error_kind", KEY.parts)
    site.series.close_component(KEY)
    assert error_groups_of(site.components.get(KEY)) == ()
    site.clock.now += GRACE_SECONDS + 1
    site.ledger.expire()
    assert site.ledger.documents.kept("error_kind", KEY.parts) == {}


def test_a_flood_counts_every_line_and_loses_no_group(caplog: pytest.LogCaptureFixture):
    """Fifty thousand errors in one read: a new group among them is found."""
    caplog.set_level(logging.WARNING)
    site = opened()
    flood = [
        f"FATAL request {number} failed: upstream {number % 7} is gone" for number in range(50_000)
    ]
    flood[40_123] = "FATAL disk on fire"
    read(site, *flood)
    assert site.lines() == 50_000
    assert shown(site) == (2, 2)
    assert sum(group.count for group in error_groups_of(site.components.get(KEY))) == 50_000
