"""Plays a scenario in real time, in a thread that stops at once when asked to."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from exporter.simulator.scenario import Scenario

STEP_SECONDS = 0.1
"""How often the scenario moves on."""


class ScenarioRunner:
    """Steps a scenario from ``start`` to ``stop``; a context manager, to be used once."""

    def __init__(self, scenario: Scenario, *, clock: Callable[[], float] = time.time) -> None:
        self._scenario = scenario
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scenario", daemon=True)

    def start(self) -> Self:
        """Begin to play."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Play no more; return when the thread has ended."""
        self._stop.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._scenario.step(self._clock())
            self._stop.wait(STEP_SECONDS)
