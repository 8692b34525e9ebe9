"""``canary``: numbered lines to standard output, and an end on purpose."""

import io
import re
import signal
import threading
import time

import pytest
from exporter_process import Program, run_command

from exporter.commands.canary import DEATHS, sing
from exporter.logs.canary_line import CanaryLine, parse_canary_line


def lines_in(text: bytes) -> list[CanaryLine]:
    found = map(parse_canary_line, text.splitlines())
    return [line for line in found if line is not None]


def test_a_run_writes_as_many_lines_as_it_lives_in_every_shape():
    """Numbers rise by one, every line knows the last, and each shape occurs."""
    output = io.BytesIO()
    assert sing(output, 10_000.0, 40, threading.Event(), time.time) is False
    lines = lines_in(output.getvalue())
    assert [line.number for line in lines] == list(range(1, 41))
    assert {line.last for line in lines} == {40}
    assert len({line.run for line in lines}) == 1
    for shape in (rb"^INFO canary", rb'^\{"level"', rb"^Traceback", rb"^CanaryError: canary"):
        assert re.search(shape, output.getvalue(), re.MULTILINE)


def test_a_run_that_is_stopped_says_which_line_is_its_last():
    """On a signal one more line comes, which is the last and says so."""
    stop, output = threading.Event(), io.BytesIO()
    stop.set()
    assert sing(output, 1.0, 600, stop, time.time) is True
    assert [(line.number, line.last) for line in lines_in(output.getvalue())] == [(1, 1)]


def test_the_command_ends_on_a_signal_with_its_last_line():
    """SIGTERM, as at a deployment: exit code 0 after a line that says it is the last."""
    with Program("canary", "--rate=20", "--crash-every=1h") as program:
        program.wait_for_output(r"seq=3 of=72000 ")
        assert program.terminate() == 0
        last = lines_in(program.output.encode())[-1]
    assert last.number == last.last


def test_the_command_dies_after_its_lines_in_one_of_four_ways():
    """After 5 lines it is dead: by exception, as if out of memory, by SIGKILL or exit code."""
    done = run_command("canary", "--rate=1000", "--crash-every=5")
    assert [line.number for line in lines_in(done.stdout.encode())] == [1, 2, 3, 4, 5]
    assert done.returncode in {1, 3, 137, -signal.SIGKILL}
    assert len(DEATHS) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rate=0",), "--rate: '0' is no rate; a number of lines a second, above 0"),
        (("--rate=fast",), "--rate: 'fast' is no rate"),
        (("--crash-every=soon",), "--crash-every: 'soon' is not a duration"),
    ],
)
def test_flags_that_make_no_sense_are_refused(arguments: tuple[str, ...], words: str):
    """A bad value is said with what would be right, and nothing is written."""
    done = run_command("canary", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
