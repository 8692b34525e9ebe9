"""Signals end and reload a program whatever it was doing when they came."""

import signal
import subprocess
import sys

from waiting import LIMIT_SECONDS

from exporter.commands.signals import Said, Signals, signals


def test_what_is_said_comes_in_order_reloads_once():
    """Any number of reloads is one; a stop comes before those that wait."""
    heard = Signals()
    heard.say(Said.RELOAD)
    heard.say(Said.RELOAD)
    assert heard.next() is Said.RELOAD
    heard.say(Said.RELOAD)
    heard.say(Said.STOP)
    heard.say(Said.RELOAD)
    assert heard.next() is Said.STOP


STORM = """
import os, signal
from exporter.commands.signals import Said, signals
with signals() as heard:
    signal.raise_signal(signal.SIGHUP)
    assert heard.next() is Said.RELOAD
    program = os.getpid()
    if not os.fork():
        for number in range(20_000):
            os.kill(program, signal.SIGHUP)
            for _ in range(number % 200):
                pass
        os.kill(program, signal.SIGTERM)
        os._exit(0)
    while heard.next() is not Said.STOP:
        pass
"""


def test_a_signal_is_heard_wherever_it_interrupts():
    """Thousands come in the midst of everything that is done about the one before."""
    subprocess.run([sys.executable, "-c", STORM], check=True, timeout=LIMIT_SECONDS)


ELSEWHERE = """
import signal, threading
from exporter.commands.signals import signals
with signals() as heard:
    threading.Timer(0.1, signal.raise_signal, [signal.SIGTERM]).start()
    heard.wait_for_stop()
"""


def test_a_signal_that_came_to_another_thread_is_heard():
    """That thread wakes nobody, so the main one looks by itself."""
    subprocess.run([sys.executable, "-c", ELSEWHERE], check=True, timeout=LIMIT_SECONDS)


def test_handlers_are_those_of_before_once_it_is_over():
    """Nothing of the program's own is left behind."""
    before = signal.getsignal(signal.SIGTERM)
    with signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
