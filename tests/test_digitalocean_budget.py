"""The budget: two sliding windows, pauses, order, and shutdown, on a stepped clock."""

import threading
import time

import pytest
from digitalocean_fixtures import SteppedTime
from hypothesis import given
from hypothesis import strategies as st

from exporter.digitalocean.budget import Budget
from exporter.errors import Stopping, TooManyRequests
from exporter.model import Endpoint

APPS = Endpoint.APPS


def budget(stepped: SteppedTime, per_hour: int | None, per_minute: int | None, share: float = 1.0):
    return Budget(per_hour, per_minute, share, clock=stepped, stop=stepped)


def test_minute_window_slides():
    """The third request of a minute waits until the first is a minute old, not for a new minute."""
    stepped = SteppedTime()
    limited = budget(stepped, None, 2)
    assert limited.acquire(APPS) == 0
    stepped.now += 20
    assert limited.acquire(APPS) == 0
    stepped.now += 10
    assert limited.acquire(APPS) == pytest.approx(30)
    assert limited.acquire(APPS) == pytest.approx(20)


def test_hour_window_and_share():
    """A share of 0.5 of 4 an hour lets 2 go; the third waits the rest of the hour."""
    stepped = SteppedTime()
    limited = budget(stepped, 4, 250, share=0.5)
    assert [limited.acquire(APPS) for _ in range(2)] == [0, 0]
    assert limited.acquire(APPS) == pytest.approx(3600)


def test_no_limit():
    """None is no limit, in either window."""
    stepped = SteppedTime()
    free = budget(stepped, None, None)
    assert sum(free.acquire(APPS) for _ in range(10_000)) == 0
    assert stepped.waits == []


def test_share_never_rounds_to_nothing():
    """A tiny share still lets one request through."""
    assert budget(SteppedTime(), 5, 5, share=0.01).acquire(APPS) == 0


def test_short_pause_is_waited_for():
    """A pause of 5 s holds the request back for as long."""
    stepped = SteppedTime()
    limited = budget(stepped, None, None)
    limited.pause_until(stepped.now + 5)
    assert limited.acquire(APPS) == pytest.approx(5)


def test_long_pause_fails_at_once_and_counts_nothing():
    """During a longer pause a request fails without waiting and takes no place in a window."""
    stepped = SteppedTime()
    limited = budget(stepped, None, 1)
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
    limited = budget(stepped, None, None)
    limited.pause_until(stepped.now + 4)
    limited.pause_until(stepped.now + 1)
    assert limited.acquire(APPS) == pytest.approx(4)


def test_shutdown_ends_the_wait():
    """A request that waits raises Stopping as soon as the program stops, and holds up nobody."""
    stop = threading.Event()
    limited = Budget(None, 1, 1.0, clock=time.monotonic, stop=stop)
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
    thread.join(5)
    assert not thread.is_alive()
    assert len(outcome) == 1


def test_threads_together_keep_the_limit_and_the_order():
    """Twenty threads on a limit of 5 in the window: all go, never 6 in one window, in turn."""
    stop = threading.Event()
    scale = 100.0
    limited = Budget(None, 5, 1.0, clock=lambda: time.monotonic() * scale, stop=_Fast(stop, scale))
    went: list[tuple[float, int]] = []
    lock = threading.Lock()

    def one(number: int) -> None:
        limited.acquire(APPS)
        with lock:
            went.append((time.monotonic() * scale, number))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        before = len(limited._waiting)
        thread.start()
        while thread.is_alive() and len(limited._waiting) <= before:
            time.sleep(0)
    for thread in threads:
        thread.join(30)
    times = sorted(moment for moment, _ in went)
    assert len(times) == 20
    assert times[5] - times[0] > 50
    assert times[-1] - times[0] > 170
    rounds = [number // 5 for _, number in sorted(went)]
    assert rounds == sorted(rounds)


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
        limited.acquire(APPS)
        sent.append(stepped.now)
    for limit, span in ((per_minute, 60.0), (per_hour, 3600.0)):
        for first, last in zip(sent, sent[limit:], strict=False):
            assert last - first >= span - 1e-6
