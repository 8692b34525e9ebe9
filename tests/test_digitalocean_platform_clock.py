"""The platform's time, from the Date headers of its answers."""

from email.utils import formatdate

import pytest

from exporter.digitalocean.platform_clock import PlatformClock

NOW = 1_800_000_000.4


class Monotonic:
    """Seconds that only grow."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def dated(moment: float) -> dict[str, str]:
    """The headers of an answer of that time."""
    return {"Date": formatdate(int(moment), usegmt=True)}


def test_before_an_answer_it_is_the_clock_of_the_exporter():
    """It goes on evenly, however the wall clock is set."""
    wall, monotonic = [NOW], Monotonic()
    clock = PlatformClock(lambda: wall[0], monotonic)
    wall[0], monotonic.now = NOW - 600, 110.0
    assert clock() == NOW + 10


@pytest.mark.parametrize("off", [-3600.0, -3.0, 0.0, 3.0, 3600.0])
def test_answers_correct_a_wrong_clock(off: float):
    """To about a second, the header's resolution; a clock that agrees is kept as it is."""
    monotonic = Monotonic()
    clock = PlatformClock(lambda: NOW + off, monotonic)
    for passed in (0.0, 0.7, 0.5, 30.0):
        monotonic.now += passed
        clock.note(dated(NOW + monotonic.now - 100), monotonic.now)
    assert clock() == pytest.approx(NOW + monotonic.now - 100, abs=1.0 if off else 1e-6)
    assert clock.ahead() == pytest.approx(-off, abs=1.0 if off else 1e-6)


def test_slow_answers_and_strange_headers_do_not_set_it_back():
    """An answer of some seconds ago says only that it is at least so late."""
    monotonic = Monotonic()
    clock = PlatformClock(lambda: NOW, monotonic)
    clock.note(dated(NOW), monotonic.now)
    for headers in ({}, {"Date": ""}, {"Date": "yesterday"}, dated(NOW - 4)):
        clock.note(headers, monotonic.now)
    assert clock() == NOW


def test_a_first_answer_that_is_slow_does_not_correct_a_clock_that_is_right():
    """On a machine that is busy an answer is read seconds after it was made."""
    monotonic = Monotonic()
    clock = PlatformClock(lambda: NOW, monotonic)
    monotonic.now += 20.0
    clock.note(dated(NOW + 1), sent=100.0)
    assert (clock(), clock.ahead()) == (NOW + 20, 0.0)


def test_a_platform_that_steps_back_is_followed():
    """Its lines have the new time too."""
    clock = PlatformClock(lambda: NOW, Monotonic())
    clock.note(dated(NOW), sent=100.0)
    clock.note(dated(NOW - 600), sent=100.0)
    assert clock() == pytest.approx(NOW - 600, abs=1.0)
