"""The budget: two sliding windows, pauses, order, and shutdown, on a stepped clock."""

import threading
import time
from bisect import insort

import pytest
from digitalocean_fixtures import SteppedTime
from hypothesis import given
from hypothesis import strategies as st
from waiting import LIMIT_SECONDS

from exporter.digitalocean.budget import HEAD_START, Budget
from exporter.digitalocean.rate_window import SLOWEST
from exporter.errors import Stopping, TooManyRequests
from exporter.model import Endpoint

APPS = Endpoint.APPS


MANY = 1_000_000


def budget(stepped: SteppedTime, per_hour: int, per_minute: int, share: float = 1.0) -> Budget:
    return Budget(per_hour, per_minute, share, clock=stepped, stop=stepped)


def send(limited: Budget, *, urgent: bool = True) -> float:
    """A request that is answered at once; the seconds that it waited."""
    waited = limited.acquire(APPS, urgent=urgent)
    limited.answered()
    return waited


def test_minute_window_slides():
    """The third request of a minute waits until the first is a minute old, not for a new minute."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, 2)
    assert send(limited) == 0
    stepped.now += 20
    assert send(limited) == 0
    stepped.now += 10
    assert send(limited) == pytest.approx(30)
    assert send(limited) == pytest.approx(20)


def test_request_counts_from_its_answer():
    """Who knows when the API has counted it: a slow one must not be followed too soon."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, 1)
    limited.acquire(APPS)
    stepped.now += 50
    assert limited.delay() > 0
    limited.answered()
    assert send(limited) == pytest.approx(60)


def test_hour_window_and_share():
    """A share of 0.5 of 4 an hour lets 2 go; the third waits the rest of the hour."""
    stepped = SteppedTime()
    limited = budget(stepped, 4, 250, share=0.5)
    assert [send(limited) for _ in range(2)] == [0, 0]
    assert send(limited) == pytest.approx(3600)


def test_urgent_requests_have_a_reserve():
    """One in twenty is left for them when the others have used up theirs."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, 20)
    assert [send(limited, urgent=False) for _ in range(19)] == [0] * 19
    assert limited.delay() == 60
    assert send(limited, urgent=True) == 0
    assert send(limited, urgent=True) == 60


def test_urgent_request_goes_first_but_passes_no_old_one():
    """It overtakes what came up to half a minute before it, and nothing that waits for longer."""
    limited = budget(SteppedTime(), MANY, 1)
    waiting = limited._waiting
    order: list[str] = []
    stepped = limited._clock
    assert isinstance(stepped, SteppedTime)
    for at, name, urgent in ((0, "old", False), (20, "new", False), (31, "hint", True)):
        stepped.now = 1000.0 + at
        insort(waiting, (stepped.now + (0 if urgent else HEAD_START), len(waiting), urgent))
        order.append(name)
    assert [order[number] for _, number, _ in waiting] == ["old", "hint", "new"]


def others_take(limited: Budget, requests: int, *, limit: int = 100) -> None:
    """The next answer tells that others have sent so many in the hour."""
    limited.acquire(APPS)
    ours = limited.status(1.0).used_last_hour
    limited.told(limit, limit - requests - ours, 3000)
    limited.answered()


def test_what_others_take_is_not_ours():
    """Of what they leave the share is ours, until it is known that they have gone."""
    stepped = SteppedTime()
    limited = budget(stepped, 100, MANY, share=0.8)
    assert limited.status(1.0).per_hour == 80
    others_take(limited, 50)
    assert limited.status(1.0).per_hour == 40
    others_take(limited, 20)
    assert limited.status(1.0).per_hour == 64
    stepped.now += 3600
    assert limited.status(1.0).per_hour == 80


def test_while_others_have_all_one_request_a_minute_looks():
    """Each shows whether there is room again; none is sent where it would be refused."""
    stepped = SteppedTime()
    limited = budget(stepped, 100, MANY, share=0.8)
    others_take(limited, 99)
    assert limited.delay() == 60
    limited.acquire(APPS)
    limited.told(100, 0, 45)
    limited.answered()
    assert limited.delay() == 60
    stepped.now += 60
    assert limited.delay() == 0
    others_take(limited, 0)
    assert limited.delay() == 0


def test_nothing_is_sent_while_nothing_is_left():
    """Where the API says that none is left, the next waits until one expires."""
    limited = budget(SteppedTime(), 100, MANY)
    limited.acquire(APPS)
    limited.told(100, 0, 40)
    limited.answered()
    assert limited.delay() >= 40


def test_pace_is_what_can_go_on():
    """The share of the hour, spread evenly; less where a burst has used up some of it."""
    stepped = SteppedTime()
    limited = budget(stepped, 3600, MANY)
    even = limited.pace()
    assert even == pytest.approx(0.95)
    for _ in range(1710):
        send(limited)
    stepped.now += 1800
    assert limited.pace() == pytest.approx(0.95)
    for _ in range(855):
        send(limited)
    assert limited.pace() == pytest.approx(855 / 1800)


@given(gaps=st.lists(st.floats(0, 100), max_size=60), per_hour=st.integers(1, 40))
def test_pace_has_bounds(gaps: list[float], per_hour: int):
    """Whatever was sent, the pace is above nothing and at most even."""
    stepped = SteppedTime()
    limited = budget(stepped, per_hour, MANY)
    even = limited.pace()
    for gap in gaps:
        stepped.now += gap
        send(limited, urgent=False)
        assert even / SLOWEST <= limited.pace() <= even


def test_pace_of_a_window_that_is_evenly_full_is_even():
    """What expires makes room for as much as goes on."""
    stepped = SteppedTime()
    limited = budget(stepped, 360, MANY)
    for _ in range(700):
        stepped.now += 10.6
        send(limited, urgent=False)
    assert limited.pace() == pytest.approx(342 / 3600, rel=0.01)


def test_share_never_rounds_to_nothing():
    """A tiny share still lets one request through."""
    assert send(budget(SteppedTime(), 5, 5, share=0.01)) == 0


def test_short_pause_is_waited_for():
    """A pause of 5 s holds the request back for as long."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, MANY)
    limited.pause_until(stepped.now + 5)
    assert limited.acquire(APPS) == pytest.approx(5)


def test_long_pause_fails_at_once_and_counts_nothing():
    """During a longer pause a request fails without waiting and takes no place in a window."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, 1)
    limited.pause_until(stepped.now + 30)
    for _ in range(3):
        with pytest.raises(TooManyRequests) as caught:
            limited.acquire(Endpoint.LOGS)
        assert caught.value.retry_after == 30
        assert caught.value.endpoint is Endpoint.LOGS
    assert stepped.waits == []
    stepped.now += 30
    assert limited.acquire(APPS) == 0


def test_pause_is_never_shortened():
    """A later, shorter pause leaves the longer one in force."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, MANY)
    limited.pause_until(stepped.now + 4)
    limited.pause_until(stepped.now + 1)
    assert limited.acquire(APPS) == pytest.approx(4)


def test_shutdown_ends_the_wait():
    """A request that waits raises Stopping as soon as the program stops, and holds up nobody."""
    stop = threading.Event()
    limited = Budget(MANY, 1, 1.0, clock=time.monotonic, stop=stop)
    limited.acquire(APPS)
    outcome: list[BaseException] = []

    def waiting() -> None:
        try:
            limited.acquire(APPS)
        except Stopping as error:
            outcome.append(error)

    thread = threading.Thread(target=waiting)
    thread.start()
    stop.set()
    thread.join(LIMIT_SECONDS)
    assert not thread.is_alive()
    assert len(outcome) == 1


def test_threads_together_keep_the_limit():
    """Twenty threads on a limit of 5 in the window: all go, never 6 in one window."""
    scale = 100.0
    read = threading.local()

    def clock() -> float:
        read.last = time.monotonic() * scale
        return read.last

    limited = Budget(MANY, 5, 1.0, clock=clock, stop=_Fast(threading.Event(), scale))
    answered: list[float] = []

    def one() -> None:
        send(limited)
        answered.append(read.last)  # as the budget took it down, whatever the thread did since

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    times = sorted(answered)
    assert len(times) == 20
    assert all(later - sooner >= 60 for sooner, later in zip(times, times[5:], strict=False))


class _Fast(threading.Event):
    """A stop event whose seconds pass faster, as the clock of the test does."""

    def __init__(self, stop: threading.Event, scale: float) -> None:
        super().__init__()
        self._stop, self._scale = stop, scale

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        return self._stop.wait(timeout / self._scale)


@given(
    gaps=st.lists(st.floats(0, 40), max_size=60),
    per_minute=st.integers(1, 5),
    per_hour=st.integers(5, 20),
)
def test_no_window_ever_holds_more(gaps: list[float], per_minute: int, per_hour: int):
    """Whatever the calls, no minute and no hour sees more requests than allowed."""
    stepped = SteppedTime()
    limited = budget(stepped, per_hour, per_minute)
    sent: list[float] = []
    for gap in gaps:
        stepped.now += gap
        send(limited)
        sent.append(stepped.now)
    for limit, span in ((per_minute, 60.0), (per_hour, 3600.0)):
        for first, last in zip(sent, sent[limit:], strict=False):
            assert last - first >= span - 1e-6


def test_parts_of_a_budget_do_not_take_one_another_for_strangers():
    """Each of four has a quarter; what the other three may send leaves it as it is."""
    stepped = SteppedTime()
    part = Budget(1000, MANY, 0.8, clock=stepped, stop=stepped, parts=4)
    assert part.status(1.0).per_hour == 200
    part.acquire(APPS)
    part.told(1000, 1000 - 600 - 1, 0.0)  # the others have sent all that they may
    part.answered()
    assert part.status(1.0).per_hour == 200
    part.acquire(APPS)
    part.told(1000, 1000 - 600 - 200 - 2, 0.0)  # and strangers 200
    part.answered()
    assert part.status(1.0).per_hour == 160
