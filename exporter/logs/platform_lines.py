"""The platform's own lines among a program's: a container's exit, failed probes, failed launches.

They have the prefix of the program's lines, come in RUN or in RUN_RESTARTED, late, out of time
order and sometimes in two forms for one event. Their texts are known from public reports of users,
not from the platform's documentation.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import re2

from exporter.logs.lines import message_of
from exporter.logs.restarts.restart_reasons import restart_reason
from exporter.model import RestartReason

# Each exit line holds one of both; a search for them is cheaper than a regex on every line.
_NEEDLES = (b"exited with code: ", b"terminated with non-zero exit code: ")

_LEVEL = r"^\s*(?:\[?ERROR\]?:? +)?"
_EXITED = re2.compile(_LEVEL + r"component (\S+) exited with code: (\d{1,3})\s*$")
_TERMINATED = re2.compile(
    _LEVEL + r"component(?: \S+)? terminated with non-zero exit code: (\d{1,3})\s*$"
)
_LAUNCH_NEEDLE = b"failed to launch: "
_LAUNCH = re2.compile(_LEVEL + r"failed to launch: ")

_REASONS = {
    126: RestartReason.MISSING_MODULE,  # not executable
    127: RestartReason.MISSING_MODULE,  # not found
    134: RestartReason.SIGNAL,  # SIGABRT
    137: RestartReason.OUT_OF_MEMORY,  # SIGKILL, which the kernel sends for want of memory
    139: RestartReason.SIGNAL,  # SIGSEGV
    143: RestartReason.SIGNAL,  # SIGTERM
    190: RestartReason.CONFIGURATION,  # the launcher has no command to start
}

TYPICAL_EXIT_CODES = (1, *_REASONS)
"""Exit codes whose series exist from discovery on."""


class ExitForm(StrEnum):
    """The two wordings of an exit; one exit may be reported in both."""

    EXITED = "exited"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class ExitLine:
    """A line that reports a container's exit.

    Attributes:
        code: the exit code.
        form: the wording.
    """

    code: int
    form: ExitForm


def exit_line(raw: bytes) -> ExitLine | None:
    """Return the exit that a raw line reports; None for any other line."""
    if _NEEDLES[0] not in raw and _NEEDLES[1] not in raw:
        return None
    message = message_of(raw)
    if (found := _EXITED.search(message)) is not None:
        return ExitLine(int(found.group(2)), ExitForm.EXITED)
    if (found := _TERMINATED.search(message)) is not None:
        return ExitLine(int(found.group(1)), ExitForm.TERMINATED)
    return None


def exit_lines(raws: Sequence[bytes]) -> list[tuple[int, ExitLine]]:
    """Return the exits that raw lines report, each with its position."""
    text = b"\n".join(raws)
    places = sorted(chain.from_iterable(_places(text, needle) for needle in _NEEDLES))
    if not places:
        return []
    positions: Iterable[int] = range(len(raws))
    if text.count(b"\n") == len(raws) - 1:
        positions = dict.fromkeys(_line_numbers(text, places))
    found = ((position, exit_line(raws[position])) for position in positions)
    return [(position, line) for position, line in found if line is not None]


def _places(text: bytes, needle: bytes) -> Iterator[int]:
    place = text.find(needle)
    while place >= 0:
        yield place
        place = text.find(needle, place + len(needle))


def _line_numbers(text: bytes, places: Iterable[int]) -> Iterator[int]:
    """Yield the number of the line, from 0, in which each of some rising places is."""
    number, counted = 0, 0
    for place in places:
        number += text.count(b"\n", counted, place)
        counted = place
        yield number


def end_reason(messages: Iterable[bytes], code: int | None) -> RestartReason:
    """Return why a container ended.

    The last messages decide, the reports of the exit left out; where they say nothing, the exit
    code does.

    Args:
        messages: the container's last messages, in order.
        code: its exit code; None if no line reported it.
    """
    words = [message for message in messages if exit_line(message) is None]
    reason = restart_reason(words)
    if reason is not RestartReason.UNKNOWN:
        return reason
    launches = (message for message in words if _LAUNCH_NEEDLE in message)
    if any(_LAUNCH.search(message) is not None for message in launches):
        return RestartReason.CONFIGURATION
    return RestartReason.UNKNOWN if code is None else _REASONS.get(code, RestartReason.EXIT)
