"""Wakes coroutines of any event loop from any thread: the platform is written to by threads."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Signal:
    """Something changed; whoever waits looks again at what it waits for.

    What changed may have a name, such as that of a component: then those who wait for another
    one sleep on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: dict[str | None, set[Waiter]] = {}

    def notify(self, name: str | None = None) -> None:
        """Wake everybody, or those who wait for ``name`` or anything; call it in any thread."""
        with self._lock:
            names = list(self._waiters) if name is None else (name, None)
            for each in names:
                for loop, event in self._waiters.get(each, ()):
                    # A waiter clears its event before it looks, so a set one will look anyway.
                    if not event.is_set():
                        loop.call_soon_threadsafe(event.set)

    @contextmanager
    def waiter(self, name: str | None = None) -> Iterator[asyncio.Event]:
        """An event of the running loop that each ``notify`` sets, of all or of this name."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.setdefault(name, set()).add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiters[name].discard(entry)
                if not self._waiters[name]:
                    del self._waiters[name]

    async def wait_until(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Return when ``condition`` holds, or after ``seconds``."""
        with self.waiter() as event, suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await event.wait()
                    event.clear()
