"""The platform's own lines among a program's: a container's exit, failed probes, failed launches.

They have the prefix of the program's lines, come in RUN or in RUN_RESTARTED, late, out of time
order and sometimes in two forms for one event. Their texts are known from public reports of users,
not from the platform's documentation.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

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
    if not any(needle in text for needle in _NEEDLES):
        return []
    found = ((position, exit_line(raw)) for position, raw in enumerate(raws))
    return [(position, line) for position, line in found if line is not None]


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
    return RestartReason.UNKNOWN if code is None else _REASONS.get(code, RestartReason.EXIT)
