"""The budget: two sliding windows, pauses, order, and shutdown, on a stepped clock."""

import random
import threading
import time
from itertools import count

import pytest
from digitalocean_fixtures import SteppedTime
from greenlet_loop import Loop
from hypothesis import given
from hypothesis import strategies as st
from waiting import LIMIT_SECONDS

from exporter.digitalocean.budget import Budget, steady_pace
from exporter.digitalocean.rate_window import SLOWEST
from exporter.errors import Stopping, TooManyRequests
from exporter.model import BudgetStatus, Endpoint

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
    limited.answered()
    assert send(limited) == pytest.approx(60)


def test_delay_is_what_a_request_that_is_not_urgent_will_wait_for():
    """Nothing is counted by asking; one under way has taken its place already."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, 2)
    send(limited)
    assert [limited.delay(), limited.delay()] == [0, 0]
    limited.acquire(APPS)
    assert limited.delay() == 60
    limited.answered()
    stepped.now += 20
    limited.pause_until(stepped.now + 3)
    assert limited.delay() == 40
    assert send(limited, urgent=False) == 40


def test_hour_window_and_share():
    """A share of 0.5 of 4 an hour lets 2 go; the third waits the rest of the hour."""
    stepped = SteppedTime()
    limited = budget(stepped, 4, 250, share=0.5)
    assert [send(limited) for _ in range(2)] == [0, 0]
    assert send(limited) == pytest.approx(3600)


@pytest.mark.parametrize(("per_minute", "others"), [(19, 19), (20, 19), (39, 38), (40, 38)])
def test_urgent_requests_have_a_reserve(per_minute: int, others: int):
    """One in twenty is left for them when the others have used up theirs."""
    limited = budget(SteppedTime(), MANY, per_minute)
    assert [send(limited, urgent=False) for _ in range(others)] == [0] * others
    assert limited.delay() == 60
    reserve = per_minute - others
    assert [send(limited) for _ in range(reserve)] == [0] * reserve
    assert send(limited) == 60
    limited = budget(SteppedTime(), MANY, per_minute)
    assert [send(limited) for _ in range(others)] == [0] * others
    assert limited.acquire(APPS) == 60


class Queue(threading.Event):
    """The clock and the stop event of requests that wait side by side; ``went`` has their times."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = Loop(random.Random(0))
        self.went: list[tuple[str, float]] = []

    def __call__(self) -> float:
        return self._loop.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        assert timeout > 0  # or it would ask without end
        self._loop.sleep(timeout)
        return self.is_set()

    def send(self, limited: Budget, name: str, at: float, *, urgent: bool) -> None:
        def run() -> None:
            send(limited, urgent=urgent)
            self.went.append((name, self()))

        self._loop.at(at, lambda: self._loop.spawn(run))

    def run(self, until: float) -> None:
        self._loop.run(until)


@pytest.mark.parametrize(
    ("later", "order"), [(29.9, ["hint", "old", "new"]), (30.1, ["old", "hint", "new"])]
)
def test_urgent_request_goes_first_but_passes_no_old_one(later: float, order: list[str]):
    """It overtakes what came up to half a minute before it, and nothing that waits for longer."""
    queue = Queue()
    limited = Budget(MANY, 1, 1.0, clock=queue, stop=queue)
    send(limited)
    queue.send(limited, "old", 1, urgent=False)
    queue.send(limited, "new", 20, urgent=False)
    queue.send(limited, "hint", 1 + later, urgent=True)
    queue.run(200)
    assert [name for name, _ in queue.went] == order
    assert [at for _, at in queue.went] == pytest.approx([60, 120, 180], abs=0.1)


def test_requests_that_fit_together_go_together():
    """In the order in which they came."""
    queue = Queue()
    limited = Budget(MANY, 2, 1.0, clock=queue, stop=queue)
    for number in range(6):
        queue.send(limited, str(number), number * 0.1, urgent=True)
    queue.run(200)
    assert [name for name, _ in queue.went] == list("012345")
    times = [at for _, at in queue.went]
    assert times == pytest.approx([0, 0.1, 60, 60.1, 120, 120.1], abs=0.1)
    assert times[1] == 0.1


def test_who_asks_before_one_that_goes_first_asks_again_at_once():
    """Both wait for the same moment; the one behind takes nobody's turn, nor much longer."""
    queue = Queue()
    limited = Budget(MANY, MANY, 1.0, clock=queue, stop=queue)
    limited.pause_until(5)
    queue.send(limited, "other", 0, urgent=False)
    queue.send(limited, "hint", 1, urgent=True)
    queue.run(20)
    assert queue.went == [("hint", 5), ("other", pytest.approx(5, abs=0.1))]


def test_who_need_not_wait_has_waited_for_no_time():
    """What taking a place costs is no wait, however the clock runs."""
    stepped = SteppedTime()
    ticks = count()
    limited = Budget(2, 2, 1.0, clock=lambda: next(ticks) / 1000, stop=stepped)
    assert [limited.acquire(APPS), limited.acquire(APPS)] == [0, 0]
    assert stepped.waits == []


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


def test_what_the_api_grants_counts_whatever_is_configured():
    """A limit that is told without the requests left says how many there are in all."""
    stepped = SteppedTime()
    limited = budget(stepped, 100, MANY)
    limited.acquire(APPS)
    limited.told(50, None, None)
    assert limited.status(1.0).per_hour == 50
    assert limited.status(1.0).remaining_by_api is None
    limited.told(None, 9, None)
    limited.answered()
    assert limited.status(1.0).per_hour == 50 - 40
    others_take(limited, 90)
    limited.told(30, None, None)
    assert limited.status(1.0).per_hour == 0


def test_an_answer_from_before_our_latest_requests_tells_of_no_others():
    """It leaves more than there can be; that takes nothing away from anybody."""
    limited = budget(SteppedTime(), 100, MANY)
    limited.acquire(APPS)
    limited.told(100, 100, 0)
    limited.answered()
    assert limited.status(1.0).per_hour == 100
    assert send(limited) == 0


def test_while_others_have_all_one_request_a_minute_looks():
    """Each shows whether there is room again; none is sent where it would be refused."""
    stepped = SteppedTime()
    limited = budget(stepped, 100, MANY, share=0.8)
    others_take(limited, 99)
    for _ in range(2):
        assert limited.acquire(APPS) == 60
        limited.told(100, 0, 45)
        limited.answered()
    stepped.now += 60
    others_take(limited, 0)
    assert send(limited, urgent=False) == 0


def test_of_what_others_leave_one_in_twenty_is_for_urgent_requests():
    """The others get 38 of 40, all 40 are sent at once, and then one a minute is tried."""
    for urgent in (2, 0):
        limited = budget(SteppedTime(), 100, MANY, share=0.8)
        others_take(limited, 50)
        assert [send(limited, urgent=False) for _ in range(37)] == [0] * 37
        assert [send(limited) for _ in range(urgent)] == [0] * urgent
        assert send(limited, urgent=False) == 60


@pytest.mark.parametrize(
    ("reset_in", "waits"), [(40, 40), (59.5, 59.5), (60.5, 60), (3000, 60), (None, 0), (-5, 0)]
)
def test_nothing_is_sent_while_nothing_is_left(reset_in: float | None, waits: float):
    """Where the API says that none is left, the next waits until one expires, at most a minute."""
    stepped = SteppedTime()
    half = Budget(100, MANY, 1.0, clock=stepped, stop=stepped, parts=2)
    half.acquire(APPS)
    half.told(100, 1, reset_in)
    half.answered()
    assert [send(half), send(half)] == [0, waits]
    # What the API has said is used up; without another answer one a second finds out more.
    assert [send(half), send(half)] == [1, 1]


def test_the_status_says_how_the_budget_stands():
    """What was sent and is under way, what the API says, and for how long it asked for a pause."""
    stepped = SteppedTime()
    limited = budget(stepped, 100, 10, share=0.8)
    assert limited.status(1.5) == BudgetStatus(
        per_hour=80,
        used_last_hour=0,
        per_minute=8,
        used_last_minute=0,
        remaining_by_api=None,
        reset=None,
        stretch=1.5,
        paused_until=None,
    )
    send(limited)
    send(limited)
    stepped.now += 100
    limited.acquire(APPS)
    limited.told(100, 97, 30)
    limited.pause_until(stepped.now + 25)
    stepped.now += 10
    expected = BudgetStatus(
        per_hour=80,
        used_last_hour=3,
        per_minute=8,
        used_last_minute=1,
        remaining_by_api=97,
        reset=20,
        stretch=1.0,
        paused_until=15,
    )
    assert limited.status(1.0) == expected
    limited.answered()
    assert limited.status(1.0) == expected
    stepped.now += 14.5
    assert (limited.status(1.0).paused_until, limited.status(1.0).reset) == (0.5, 5.5)
    stepped.now += 0.5
    assert (limited.status(1.0).paused_until, limited.status(1.0).reset) == (None, 5)
    stepped.now += 15
    assert limited.status(1.0).reset == 0


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


@given(per_hour=st.integers(1, 6000), per_minute=st.integers(1, 300), share=st.floats(0.001, 1))
def test_without_others_the_pace_is_steady(per_hour: int, per_minute: int, share: float):
    """What is predicted without a budget is what a new one has."""
    limited = budget(SteppedTime(), per_hour, per_minute, share)
    assert limited.pace() == pytest.approx(steady_pace(per_hour, per_minute, share))


@pytest.mark.parametrize(
    ("per_hour", "per_minute", "share", "pace"),
    [
        (5000, 250, 0.8, 3800 / 3600),
        (5000, 25, 0.8, 19 / 60),
        (1, 100, 0.01, 1 / 3600),
        (MANY, 1, 0.01, 1 / 60),
    ],
)
def test_pace_is_that_of_the_narrower_window(
    per_hour: int, per_minute: int, share: float, pace: float
):
    """Of the hour or of the minute, without what is for urgent requests; never 0."""
    limited = budget(SteppedTime(), per_hour, per_minute, share)
    assert limited.pace() == pytest.approx(pace)
    if per_minute < 100:
        assert limited.minute_pace() == pytest.approx(pace)


def test_while_others_have_all_the_pace_is_no_less_than_a_request_in_ten_hours():
    """It is never 0, by which intervals would be without end."""
    limited = budget(SteppedTime(), 100, MANY)
    others_take(limited, 99)
    limited.told(50, None, None)
    assert limited.pace() == pytest.approx(1 / 36_000)


def test_pace_of_a_window_that_is_evenly_full_is_even():
    """What expires makes room for as much as goes on."""
    stepped = SteppedTime()
    limited = budget(stepped, 360, MANY)
    for _ in range(700):
        stepped.now += 10.6
        send(limited, urgent=False)
    assert limited.pace() == pytest.approx(342 / 3600, rel=0.01)


def test_share_never_rounds_to_nothing():
    """A tiny share still lets one request through, of the hour's and of the minute's."""
    limited = budget(SteppedTime(), 5, MANY, share=0.01)
    assert [send(limited), send(limited)] == [0, 3600]
    limited = budget(SteppedTime(), MANY, 5, share=0.01)
    assert [send(limited), send(limited)] == [0, 60]


def test_short_pause_is_waited_for():
    """A pause of 5 s holds the request back for as long."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, MANY)
    limited.pause_until(stepped.now + 5)
    assert limited.acquire(APPS) == pytest.approx(5)


@pytest.mark.parametrize("seconds", [5.5, 30])
def test_long_pause_fails_at_once_and_counts_nothing(seconds: float):
    """During a longer pause a request fails without waiting and takes no place in a window."""
    stepped = SteppedTime()
    limited = budget(stepped, MANY, 1)
    limited.pause_until(stepped.now + seconds)
    for _ in range(3):
        with pytest.raises(TooManyRequests) as caught:
            limited.acquire(Endpoint.LOGS)
        assert caught.value.retry_after == seconds
        assert caught.value.endpoint is Endpoint.LOGS
    assert stepped.waits == []
    stepped.now += seconds
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
    scale = 1000.0
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


def test_parts_that_send_less_than_they_may_add_nothing_to_what_is_granted():
    """A quarter of 0.8 of 504 requests is 100, however few the other three have sent."""
    stepped = SteppedTime()
    part = Budget(1000, MANY, 0.8, clock=stepped, stop=stepped, parts=4)
    part.acquire(APPS)
    part.told(504, 503, 0)
    assert part.status(1.0).per_hour == 100
