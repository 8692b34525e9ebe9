"""Virtual time for code that is written as if it waited: greenlets that take turns, by a seed."""

import heapq
import random
from collections.abc import Callable
from itertools import count

from greenlet import getcurrent, greenlet


class Host:
    """A machine: all that runs on it stops while it is paused, and for good once it is dead."""

    def __init__(self) -> None:
        self.paused_until = 0.0
        self.dead = False


class Loop:
    """Runs greenlets and events in the order of their times."""

    def __init__(self, rng: random.Random) -> None:
        self.now = 0.0
        self._rng = rng
        self._numbers = count()
        self._queue: list[tuple[float, int, Host | None, Callable[[], object]]] = []
        self._hosts: dict[greenlet, Host | None] = {}
        self._hub = getcurrent()
        self.after_each: Callable[[Host | None], None] = lambda host: None  # on which it was

    def at(self, when: float, action: Callable[[], object], host: Host | None = None) -> None:
        """Do something at a time; later if its host is paused then, never if it is dead."""
        heapq.heappush(self._queue, (when, next(self._numbers), host, action))

    def spawn(self, run: Callable[[], None], host: Host | None = None) -> None:
        """Start a greenlet."""
        task = greenlet(run, parent=self._hub)
        self._hosts[task] = host
        self.at(self.now, task.switch, host)

    def sleep(self, seconds: float) -> None:
        """Wait; called on a greenlet."""
        task = getcurrent()
        self.at(self.now + seconds, task.switch, self._hosts[task])
        self._hub.switch()

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._queue and self._queue[0][0] <= until:
            when, number, host, action = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            if host is not None and host.dead:
                continue
            if host is not None and self.now < host.paused_until:
                # What waits on a host goes on in any order once it does.
                later = host.paused_until + self._rng.random() * 0.01
                heapq.heappush(self._queue, (later, number, host, action))
                continue
            action()
            self.after_each(host)
        self.now = until
