"""``canary``: write numbered lines to standard output, and die on purpose now and then."""

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import BinaryIO

from exporter.config.durations import parse_duration
from exporter.errors import ConfigError, Fault
from exporter.logs.canary_line import CanaryLine, run_name
from exporter.options import Options

DEFAULT_RATE = 1.0
DEFAULT_CRASH_EVERY = "10m"
HIGHEST_RATE = 10_000.0
OUT_OF_MEMORY = 137  # what the platform reports of a container that the kernel killed
EXIT_CODE = 3


class CanaryError(Exception):
    """A death on purpose; nothing in the program catches it."""


def canary(options: Options) -> int:
    """Write lines until a signal says to stop, or until it is time to die.

    Raises:
        ConfigError: a flag cannot be used.
        CanaryError: a death on purpose by an exception.
    """
    rate = _rate(options.rate)
    lifetime = lines_until_death(options.crash_every or DEFAULT_CRASH_EVERY, rate)
    stop = threading.Event()

    def stopping(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping)
    if sing(sys.stdout.buffer, rate, lifetime, stop, time.time):
        return 0
    return die(secrets.choice(DEATHS))


def sing(
    output: BinaryIO,
    rate: float,
    lifetime: int,
    stop: threading.Event,
    clock: Callable[[], float],
) -> bool:
    """Write one numbered line each ``1 / rate`` seconds.

    Args:
        lifetime: how many lines to write; 0 for no end.
        stop: set when the next line shall be the last; that line says that it is.
        clock: Unix seconds.

    Returns:
        True if ``stop`` ended it, False once ``lifetime`` lines are written.
    """
    began = clock()
    run, number, started = run_name(began, secrets.randbits(32)), 0, time.monotonic()
    while True:
        number += 1
        last = number if stop.is_set() else lifetime
        line = CanaryLine(run, int(began), number, last, clock())
        output.write(f"{line.text()}\n".encode())
        output.flush()
        if number == last:
            return stop.is_set()
        stop.wait(max(0.0, started + number / rate - time.monotonic()))


def _exception() -> int:
    raise CanaryError("died on purpose by an exception")


def _out_of_memory() -> int:
    print("MemoryError: died on purpose as if out of memory", flush=True)
    return OUT_OF_MEMORY


def _kill() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return OUT_OF_MEMORY  # the first process of a container survives its own SIGKILL


def _exit_code() -> int:
    print(f"died on purpose with exit code {EXIT_CODE}", flush=True)
    return EXIT_CODE


DEATHS: tuple[Callable[[], int], ...] = (_exception, _out_of_memory, _kill, _exit_code)


def die(death: Callable[[], int]) -> int:
    """Die in one of the ways of ``DEATHS``; returns the exit code where it is still alive."""
    sys.stdout.flush()
    return death()


def _rate(text: str | None) -> float:
    if text is None:
        return DEFAULT_RATE
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate <= HIGHEST_RATE:
        remedy = f"a number of lines a second, above 0 and at most {HIGHEST_RATE:.0f}"
        raise ConfigError((Fault("--rate", "", f"{text!r} is no rate", remedy),))
    return rate


def lines_until_death(text: str, rate: float) -> int:
    """How many lines a run has: given as lines, or as a duration; 0 for no end."""
    if text.isascii() and text.isdecimal():
        return int(text)
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        remedy = "a number of lines or a duration such as 10m; 0 for never"
        raise ConfigError((Fault("--crash-every", "", str(error), remedy),)) from None
    return max(1, round(seconds * rate)) if seconds else 0
