"""An event loop whose time jumps to the next timer at once: hours of it in milliseconds."""

import asyncio
import selectors
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while anything can run, and jumps when nothing can."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self.now = 0.0

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let everything happen that does in the next ``seconds``."""
        self.run_until_complete(asyncio.sleep(seconds))


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for what never comes"
            self._loop.now += max(0.0, timeout)
        return ready
