"""Wakes coroutines of any event loop from any thread: the platform is written to by threads."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class Signal:
    """Something changed; whoever waits looks again at what it waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiters: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def notify(self) -> None:
        """Wake every waiter; may be called in any thread."""
        with self._lock:
            for loop, event in self._waiters:
                # A waiter clears its event before it looks, so a set one will look anyway.
                if not event.is_set():
                    loop.call_soon_threadsafe(event.set)

    @contextmanager
    def waiter(self) -> Iterator[asyncio.Event]:
        """An event of the running loop that each ``notify`` sets."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.add(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._waiters.discard(entry)

    async def wait_until(self, condition: Callable[[], bool], seconds: float | None) -> None:
        """Return when ``condition`` holds, or after ``seconds``."""
        with self.waiter() as event, suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await event.wait()
                    event.clear()
