"""What the doctor says of this machine's clock, from the Date headers of answers."""

from email.utils import formatdate

import pytest

from exporter.digitalocean.platform_clock import PlatformClock
from exporter.doctor.account_checks import clock_check
from exporter.doctor.verdicts import Verdict

NOW = 1_800_000_000.5


def checked(ahead: float, slowness: float) -> tuple[Verdict, str]:
    """The verdict and its detail for a clock that is so far ahead, after an answer.

    Args:
        slowness: seconds from the request until the answer.
    """
    seconds = [0.0]
    clock = PlatformClock(lambda: NOW + ahead, lambda: seconds[0])
    made = formatdate(int(NOW), usegmt=True)
    seconds[0] = slowness
    clock.note({"Date": made}, sent=0.0)
    check = clock_check(clock)
    return check.verdict, check.detail


@pytest.mark.found(
    "An answer that took seconds made the doctor say that this machine's clock was ahead.",
    how="Tests beside a load",
)
@pytest.mark.parametrize("slowness", [0.0, 2.0, 100.0])
def test_a_slow_answer_does_not_speak_against_the_clock(slowness: float):
    """The time that it took is nobody's fault: a clock that may be right is said to be."""
    assert checked(0.0, slowness) == (Verdict.OK, "the same as the platform's, to the second")


@pytest.mark.parametrize(
    ("ahead", "verdict", "detail"),
    [
        (1.0, Verdict.OK, "the same as the platform's, to the second"),
        (4.0, Verdict.OK, "4 s ahead of the platform's"),
        (-4.0, Verdict.OK, "4 s behind the platform's"),
        (30.0, Verdict.WARNING, "30 s ahead of the platform's"),
        (-30.0, Verdict.WARNING, "30 s behind the platform's"),
        (3600.0, Verdict.FAILED, "3600 s ahead of the platform's"),
        (-3600.0, Verdict.FAILED, "3600 s behind the platform's"),
    ],
)
def test_a_wrong_clock_is_said_with_how_wrong_it_is(ahead: float, verdict: Verdict, detail: str):
    """To the header's resolution of a second."""
    said, words = checked(ahead, 0.0)
    assert said is verdict
    if ahead == 1.0:
        assert words == detail
    else:
        seconds, _, rest = words.partition(" ")
        assert abs(int(seconds) - abs(ahead)) <= 1
        assert rest == detail.partition(" ")[2]


def test_without_a_date_nothing_is_said():
    """No answer, or none with a usable header, is no verdict."""
    clock = PlatformClock(lambda: NOW, lambda: 0.0)
    clock.note({"Date": "soon"}, sent=0.0)
    assert clock_check(clock).verdict is Verdict.SKIPPED
