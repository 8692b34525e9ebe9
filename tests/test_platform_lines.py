"""The platform's own lines: recognized in every wording, each container end counted once."""

from functools import cache
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml_files import read_yaml

from exporter.logs.lines import NANOSECONDS
from exporter.logs.platform_lines import (
    TYPICAL_EXIT_CODES,
    ExitForm,
    ExitLine,
    end_reason,
    exit_line,
    exit_lines,
)
from exporter.logs.restarts.exit_account import ALONE_SECONDS, GRACE_SECONDS, ExitAccount
from exporter.matching.engine import Engine
from exporter.matching.packs import load_packs
from exporter.model import RestartReason as Reason

LINES = read_yaml(Path(__file__).parent / "testdata/platform_lines.yml")
PREFIXES = (b"", b"web 2026-11-01T00:00:52.123456789Z ", b"web 2026-11-01T00:00:52Z ")
NOW = 1_800_000_000.0


@cache
def pack() -> Engine:
    return Engine(load_packs(["platform"]))


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["line"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_wording_is_recognized(case: dict, prefix: bytes):
    """Exit code and reason follow from the line, whatever prefix stands before it."""
    raw = prefix + case["line"].encode()
    found = exit_line(raw)
    assert (found.code if found else None) == case.get("code")
    assert end_reason([case["line"].encode()], case.get("code")) == case["reason"]


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["line"])
def test_every_wording_counts_by_its_rule(case: dict):
    """The pack `platform` has one rule for each kind of line, health checks by their probe."""
    found = pack().scan([case["line"].encode()])
    assert [pack().rules[match.rule].name for match in found] == case["rules"]


@pytest.mark.parametrize(
    "text",
    [
        "the component web exited with code: 137 yesterday",
        "component web exited with code: 137 and more",
        "component exited",
        "child process exited with code: 3",
        "INFO component web exited with code: none",
    ],
)
def test_a_program_that_says_similar_words_reports_no_exit(text: str):
    """Only a whole line in the platform's wording is an exit."""
    assert exit_line(text.encode()) is None
    assert exit_lines([b"a", text.encode()]) == []


def test_exits_are_found_among_other_lines():
    """Each exit is found with its position."""
    raws = [b"a", b"ERROR component web exited with code: 3", b"", b"b"]
    assert exit_lines(raws) == [(1, ExitLine(3, ExitForm.EXITED))]
    assert exit_lines([]) == []


def test_exits_have_their_own_positions_whatever_stands_between_and_within_lines():
    """Two in a row, the first and the last line, both wordings, one that says it twice."""
    other = b"component terminated with non-zero exit code: 7"
    raws = [
        b"component web exited with code: 1",
        b"component web exited with code: 2",
        b"it said: component web exited with code: 3, exited with code: 4",
        b"",
        other,
        b"x" * 9,
        b"component web exited with code: 5",
    ]
    assert [(at, line.code) for at, line in exit_lines(raws)] == [(0, 1), (1, 2), (4, 7), (6, 5)]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ([b"panic: runtime error: index out of range"], 2, Reason.PANIC),
        ([b"panic: x", b"ERROR component web exited with code: 137"], 137, Reason.PANIC),
        ([b"Traceback (most recent call last):", b"ValueError: no"], 1, Reason.EXCEPTION),
        ([b"listening on 8080"], 137, Reason.OUT_OF_MEMORY),
        ([b"listening on 8080"], 143, Reason.SIGNAL),
        ([b"listening on 8080"], 7, Reason.EXIT),
        ([b"listening on 8080"], None, Reason.UNKNOWN),
        ([], 127, Reason.MISSING_MODULE),
    ],
)
def test_words_come_before_the_code(words: list[bytes], code: int | None, reason: Reason):
    """The reason follows from the program's words, and from the code where those say nothing."""
    assert end_reason(words, code) == reason


@pytest.mark.found(
    "A container whose program said within a line that something `failed to launch: ` counted with "
    "the reason `configuration`.",
    how="the mutants of the platform's lines: without their own search for the launcher's words "
    "nothing changed",
)
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"failed to launch: profile scripts: took too long", Reason.CONFIGURATION),
        (b"ERROR failed to launch: profile scripts: took too long", Reason.CONFIGURATION),
        (b" [ERROR] failed to launch: profile scripts: took too long", Reason.CONFIGURATION),
        (b"the browser failed to launch: no fonts", Reason.EXIT),
    ],
)
def test_the_launchers_words_begin_its_line(words: bytes, reason: Reason):
    """What it cannot start is a configuration that is wrong; others fail to launch things too."""
    assert end_reason([words], 7) == reason


def test_the_exits_that_happen_most_have_series_before_the_first_of_them():
    """So a rate sees it: a plain error, and each code that says why by itself."""
    assert sorted(TYPICAL_EXIT_CODES) == [1, 126, 127, 134, 137, 139, 143, 190]


def tell(
    account: ExitAccount,
    at: float,
    code: int = 137,
    form: ExitForm = ExitForm.EXITED,
    reason: Reason = Reason.OUT_OF_MEMORY,
    instances: int | None = 1,
) -> bool:
    """A line of time NOW + ``at``, read then."""
    time = int((NOW + at) * NANOSECONDS)
    return account.tell(ExitLine(code, form), time, reason, instances=instances, now=NOW + at)


def show(account: ExitAccount, at: float, read: float | None = None) -> tuple[bool, int | None]:
    """A container whose last line is of NOW + ``at``."""
    read_at = NOW + (at if read is None else read)
    return account.show(int((NOW + at) * NANOSECONDS), read_at, 0, None)


def alone(account: ExitAccount, at: float) -> int:
    """How many exits count alone after a read of RUN_RESTARTED that began at NOW + ``at``."""
    return len(account.settle(NOW + at, NOW + at))


ACTIONS = {
    "exited": lambda account: tell(account, 1.0),
    "terminated": lambda account: tell(account, 1.3, form=ExitForm.TERMINATED),
    "exited again": lambda account: tell(account, 1.2),
    "shown": lambda account: show(account, 2.0, read=3.0),
    "restart": lambda account: None,
}


@pytest.mark.parametrize("order", list(permutations(ACTIONS)), ids=" ".join)
def test_an_end_counts_once_whoever_reports_it(order: tuple[str, ...]):
    """Line, the other wording, the line once more and RUN_RESTARTED, in any order, over a restart
    of the exporter: one exit and one end; the line may lie before the last words."""
    account, exits, ends = ExitAccount(), 0, 0
    for name in order:
        if name == "restart":
            account = ExitAccount.from_json(account.to_json())
        elif name == "shown":
            ends += show(account, 2.0, read=3.0)[0]
        else:
            exits += ACTIONS[name](account)
    ends += alone(account, 3.0 + GRACE_SECONDS) + alone(account, 3.0 + ALONE_SECONDS)
    assert (exits, ends) == (1, 1)


def test_a_line_alone_counts_once_after_run_restarted_had_time():
    """It waits for a read of RUN_RESTARTED that began some seconds later, or two minutes."""
    account = ExitAccount()
    assert tell(account, 0)
    assert account.waiting
    assert alone(account, GRACE_SECONDS - 0.1) == 0
    assert account.settle(None, NOW + ALONE_SECONDS - 1) == []
    assert alone(account, GRACE_SECONDS) == 1
    assert not account.waiting
    assert alone(account, 100) == 0
    assert tell(account, 200)
    assert len(account.settle(None, NOW + 200 + ALONE_SECONDS)) == 1


def test_a_container_that_comes_after_its_line_counted_is_no_news():
    """RUN_RESTARTED may be later than the grace: the end is not counted again."""
    account = ExitAccount()
    tell(account, 0)
    assert alone(account, 10) == 1
    assert show(account, -5, read=60) == (False, 137)


@pytest.mark.parametrize(
    ("code", "reason", "counts"),
    [
        (143, Reason.SIGNAL, 0),
        (0, Reason.EXIT, 0),
        (1, Reason.SIGNAL, 0),
        (139, Reason.SIGNAL, 1),
        (1, Reason.EXIT, 1),
    ],
)
def test_a_request_to_end_is_no_restart_unless_a_container_shows(
    code: int, reason: Reason, counts: int
):
    """A deployment ends containers with SIGTERM: their exit lines alone are no restarts."""
    account = ExitAccount()
    assert tell(account, 0, code=code, reason=reason)
    assert alone(account, 10) == counts
    assert show(account, 0, read=20) == (counts == 0, code)


def test_several_instances_may_end_at_once():
    """Of three instances three lines of one moment are three ends, a fourth is one told again."""
    account = ExitAccount()
    assert [tell(account, 0.1 * n, instances=3) for n in range(4)] == [True] * 3 + [False]
    forms = [tell(account, 1, form=ExitForm.TERMINATED, instances=3) for _ in range(3)]
    assert forms == [False] * 3
    assert alone(account, 10) == 3


def test_a_container_takes_the_line_behind_its_last_words():
    """Of two ends between two reads the log shows the second: the first counts by its line."""
    account = ExitAccount()
    tell(account, 0, code=1)
    tell(account, 40, code=139)
    assert show(account, 39, read=50) == (True, 139)
    (first,) = account.settle(NOW + 60, NOW + 60)
    assert first.code == 1


@pytest.mark.parametrize("code", [1, 2, 137])
def test_a_line_about_the_container_before_stands_in_the_text_of_the_next(code: int):
    """The log of a container begins with the exit of the one before, whose code is another's.

    So the end that RUN_RESTARTED shows with it is that of the line that waits: one more end.
    """
    account = ExitAccount()
    assert tell(account, 0, code=2)
    assert show(account, -1, read=1) == (True, 2)
    assert tell(account, 10, code=code)
    shown = account.show(int((NOW + 11) * NANOSECONDS), NOW + 12, 0, 2)
    assert shown == (True, code)
    assert alone(account, 300) == 0


def test_a_container_takes_no_code_of_the_one_before():
    """Its text begins with a line that is paired: its own code is not known yet."""
    account = ExitAccount()
    assert tell(account, 0, code=2)
    assert show(account, -1, read=1) == (True, 2)
    assert account.show(int((NOW + 11) * NANOSECONDS), NOW + 12, 0, 2) == (True, None)
    account.await_code()
    assert account.unexplained
    assert account.explain(None, NOW + 13) == []
    assert tell(account, 14, code=139)
    [shown] = account.explain(None, NOW + 14)
    assert shown.code == 139
    assert not account.unexplained
    assert alone(account, 300) == 0


def test_an_old_container_takes_no_later_line():
    """A container without a line of its own does not swallow an end long after it was shown."""
    account = ExitAccount()
    assert show(account, 0) == (True, None)
    assert tell(account, 60)
    assert alone(account, 70) == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["line", "shown", "both"]), st.booleans()),
        max_size=30,
    )
)
def test_any_sequence_of_ends_counts_as_many(ends: list[tuple[str, bool]]):
    """One instance ends every two minutes, each end told by a line, the log, or both in either
    order: as many ends count."""
    account, counted = ExitAccount(), 0
    for number, (how, line_first) in enumerate(ends):
        at = 120.0 * number
        steps = {"line": [tell], "shown": [show], "both": [tell, show]}[how]
        for step in steps if line_first else reversed(steps):
            found = step(account, at)
            counted += step is show and found[0]
        counted += alone(account, at + GRACE_SECONDS)
    assert counted == len(ends)
