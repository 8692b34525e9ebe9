"""Container ends are counted once each, by lines of the platform and by RUN_RESTARTED."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.lines import NANOSECONDS
from exporter.logs.platform_lines import ExitForm, ExitLine
from exporter.logs.restarts.exit_account import ALONE_SECONDS, GRACE_SECONDS, ExitAccount
from exporter.model import RestartReason as Reason

NOW = 1_800_000_000.0


def nanoseconds(at: float) -> int:
    """The time NOW + ``at``."""
    return int(NOW) * NANOSECONDS + round(at * NANOSECONDS)


def tell(
    account: ExitAccount,
    at: float,
    code: int = 137,
    form: ExitForm = ExitForm.EXITED,
    reason: Reason = Reason.OUT_OF_MEMORY,
    instances: int | None = 1,
) -> bool:
    """A line of time NOW + ``at``, read then."""
    return account.tell(
        ExitLine(code, form), nanoseconds(at), reason, instances=instances, now=NOW + at
    )


def show(account: ExitAccount, at: float, read: float | None = None) -> tuple[bool, int | None]:
    """A container whose last line is of NOW + ``at``."""
    read_at = NOW + (at if read is None else read)
    return account.show(nanoseconds(at), read_at, 0, None)


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
        (143, Reason.EXIT, 0),
        (0, Reason.EXIT, 0),
        (1, Reason.SIGNAL, 0),
        (134, Reason.SIGNAL, 1),
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
    shown = account.show(nanoseconds(11), NOW + 12, 0, 2)
    assert shown == (True, code)
    assert alone(account, 300) == 0


def test_a_container_takes_no_code_of_the_one_before():
    """Its text begins with a line that is paired: its own code is not known yet."""
    account = ExitAccount()
    assert tell(account, 0, code=2)
    assert show(account, -1, read=1) == (True, 2)
    assert account.show(nanoseconds(11), NOW + 12, 0, 2) == (True, None)
    account.await_code()
    assert account.unexplained
    assert account.explain(None, NOW + 13) == []
    assert tell(account, 14, code=139)
    [shown] = account.explain(None, NOW + 14)
    assert shown.code == 139
    assert not account.unexplained
    assert alone(account, 300) == 0


def test_a_line_told_again_is_the_same_exit():
    """By its time, whose digits no second one has; a time of whole seconds says nothing."""
    account = ExitAccount()
    assert [tell(account, 0.5, instances=None) for _ in range(3)] == [True, False, False]
    assert [tell(account, 20, instances=None) for _ in range(3)] == [True, True, True]
    assert tell(account, 0.5, code=1, instances=None)


@pytest.mark.parametrize("instances", [0, 1])
def test_an_instance_does_not_end_twice_within_a_second(instances: int):
    """Nor one of a component that was scaled to none since."""
    account = ExitAccount()
    assert tell(account, 0, instances=instances)
    assert not tell(account, 0.999, instances=instances)
    assert not tell(account, -0.999, instances=instances)
    assert tell(account, 1, instances=instances)
    assert tell(account, 2.5, instances=None)


def test_both_wordings_within_ten_seconds_are_one_exit():
    """Each line of one wording belongs to one of the other at the most, the nearest."""
    account = ExitAccount()
    assert tell(account, 0)
    assert not tell(account, 10, form=ExitForm.TERMINATED)
    assert tell(account, 10.5, form=ExitForm.TERMINATED)
    account = ExitAccount()
    assert tell(account, 0)
    assert tell(account, 10.001, form=ExitForm.TERMINATED)
    account = ExitAccount()
    assert tell(account, 0.5)
    assert tell(account, 4.5)
    assert not tell(account, 4.7, form=ExitForm.TERMINATED)
    assert not tell(account, 4.7, form=ExitForm.TERMINATED)
    assert [told.other_time for told in account.told] == [None, nanoseconds(4.7)]


@pytest.mark.parametrize(
    ("line", "last", "read", "same"),
    [
        (0, 30, 31, True),
        (0, 30.001, 31, False),
        (0, 0, 10, True),
        (20, 0, 15, True),
        (20.001, 0, 15, False),
    ],
)
def test_a_line_is_about_the_container_that_ended_around_it(
    line: float, last: float, read: float, same: bool
):
    """It lies up to 30 s before the last words, and up to 5 s behind the read that showed them."""
    account = ExitAccount()
    show(account, last, read=read)
    assert tell(account, line)
    assert alone(account, 300) == (not same)


@pytest.mark.parametrize(("last", "same"), [(30, True), (30.001, False), (-100, True)])
def test_a_container_is_that_of_a_line_that_came_before(last: float, same: bool):
    """RUN_RESTARTED may show it late; but its last words are not much later than the line."""
    account = ExitAccount()
    assert tell(account, 0, code=3)
    assert show(account, last, read=200) == (True, 3 if same else None)


def test_of_two_lines_a_container_has_the_first_behind_its_last_words():
    """Where none is behind them, it has the one right before."""
    account = ExitAccount()
    for at, code in ((0, 1), (10, 2), (20, 3)):
        assert tell(account, at, code=code)
    assert show(account, 5, read=60) == (True, 2)
    assert show(account, 25, read=60) == (True, 3)
    assert show(account, 25, read=60) == (True, 1)
    for at, code in ((40, 1), (50, 2)):
        assert tell(account, at, code=code)
    assert show(account, 40, read=60) == (True, 1)


def test_of_two_lines_a_container_has_the_one_that_stands_in_its_text():
    """Though the other is nearer; where none of this code is known, the nearest."""
    account = ExitAccount()
    for at, code in ((10, 1), (12, 2)):
        assert tell(account, at, code=code)
    assert account.show(nanoseconds(9), NOW + 60, 0, 2) == (True, 2)
    assert account.show(nanoseconds(9), NOW + 60, 0, 2) == (True, 1)


def test_a_line_is_about_one_container():
    """Another instance's, shown later, is one more end."""
    account = ExitAccount()
    assert show(account, 0) == (True, None)
    assert tell(account, 0.5, instances=2)
    assert show(account, 0.2, read=1) == (True, None)


def test_of_two_containers_a_line_has_the_nearest():
    """Before it or behind it."""
    account = ExitAccount()
    for line, at in enumerate((0, 10, 20)):
        account.show(nanoseconds(at), NOW + 60, line, None)
    assert tell(account, 12)
    assert [shown.line for shown in account.shown if shown.paired] == [1]
    assert tell(account, 14)
    assert [shown.line for shown in account.shown if shown.paired] == [1, 2]


def test_how_long_ends_wait_for_the_other_log():
    """Five seconds longer than the log that would show more was read; two minutes without it."""
    account = ExitAccount()
    tell(account, 0)
    assert account.settle(NOW + 4.999, NOW + 4.999) == []
    assert len(account.settle(NOW + 5, NOW + 5)) == 1
    tell(account, 200)
    assert account.settle(NOW + 5, NOW + 319.999) == []
    assert len(account.settle(NOW + 5, NOW + 320)) == 1
    show(account, 400)
    account.await_code()
    assert account.explain(NOW + 404.999, NOW + 404.999) == []
    assert len(account.explain(NOW + 405, NOW + 405)) == 1
    show(account, 600)
    account.await_code()
    assert account.explain(None, NOW + 719.999) == []
    assert len(account.explain(None, NOW + 720)) == 1
    assert account.explain(None, NOW + 721) == []


def test_the_last_64_lines_are_remembered_and_all_that_wait():
    """One of them that is told again is known; a line that waits is never forgotten."""
    account = ExitAccount()
    assert tell(account, 0.5)
    assert alone(account, 10) == 1
    for number in range(63):
        assert tell(account, 100.5 + 100 * number)
    assert not tell(account, 0.5)
    assert tell(account, 10_000.5)
    assert tell(account, 0.5)
    assert alone(account, 20_000) == 65
    assert tell(account, 30_000)
    assert len(account.told) == 64


def test_the_last_64_containers_are_remembered_and_all_that_wait():
    """As lines are."""
    account = ExitAccount()
    for number in range(70):
        show(account, number, read=100)
        if number < 3:
            account.await_code()
    assert len(account.shown) == 67
    assert len(account.explain(None, NOW + 300)) == 3
    show(account, 400)
    assert len(account.shown) == 64


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
