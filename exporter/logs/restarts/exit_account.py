"""Container ends of one deployment of a component, each counted once, whoever reports it.

RUN_RESTARTED shows the container that ended; a line of the platform reports its exit code. Either
may come first, or alone. An end shown by RUN_RESTARTED counts at once if the program's last words
or an exit code give its reason; otherwise it waits for the exit line, which RUN may show later. A
line waits for RUN_RESTARTED, and counts alone where that log has nothing new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from exporter.logs.lines import NANOSECONDS
from exporter.logs.platform_lines import ExitLine
from exporter.model import RestartReason

EARLY_SECONDS = 30.0
"""How far the time of an exit line may lie before the container's last line."""

SKEW_SECONDS = 5.0
"""How far the platform's clock may be ahead of the exporter's."""

TWICE_SECONDS = 1.0
"""An instance does not end twice within this time."""

FORMS_SECONDS = 10.0
"""How far apart the two wordings of one exit may be."""

GRACE_SECONDS = 5.0
"""How much later than one log shows an end, the other may show it too."""

ALONE_SECONDS = 120.0
"""After this time an end counts alone, though the log that may add to it could not be read."""

_KEPT = 64

_BOTH = "both"
"""The form of an exit that was reported in either wording."""

_STOPPED = frozenset({0, 143})
_CRASH_SIGNALS = frozenset({134, 139})


@dataclass(slots=True)
class Told:
    """An exit that a line reported.

    Attributes:
        time: the line's time, Unix nanoseconds.
        since: when it was read, Unix seconds.
        reason: from the words before the line, or from the code.
        waits: True while neither RUN_RESTARTED has shown it nor it was counted alone.
        paired: True if RUN_RESTARTED has shown its container.
        other_time: that of the line in the other wording, None if none has come.
    """

    time: int
    code: int
    form: str
    since: float
    reason: str
    waits: bool = True
    paired: bool = False
    other_time: int | None = None

    @property
    def requested(self) -> bool:
        """Whether the container was asked to end, as each is at a deployment."""
        by_words = self.reason == RestartReason.SIGNAL and self.code not in _CRASH_SIGNALS
        return self.code in _STOPPED or by_words


@dataclass(slots=True)
class Shown:
    """A container that RUN_RESTARTED showed.

    Attributes:
        time: the time of its last line, Unix nanoseconds.
        at: when it was read, Unix seconds.
        line: the identity of its last line.
        paired: True if a line has reported its exit.
        waits: True while it is not counted: its reason may follow from an exit code.
        code: the exit code of a line that came while it waited.
    """

    time: int
    at: float
    line: int
    paired: bool
    waits: bool = False
    code: int | None = None


_End = TypeVar("_End", bound=Told | Shown)


@dataclass(slots=True)
class ExitAccount:
    """The latest ends, told and shown, and which of them are the same."""

    told: list[Told] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    @property
    def waiting(self) -> bool:
        """Whether exit lines wait for RUN_RESTARTED to show their container."""
        return any(told.waits for told in self.told)

    @property
    def unexplained(self) -> bool:
        """Whether containers wait for an exit line to give their reason."""
        return any(shown.waits for shown in self.shown)

    def tell(
        self,
        line: ExitLine,
        time: int,
        reason: RestartReason,
        *,
        instances: int | None,
        now: float,
    ) -> bool:
        """Take in a line that reports an exit.

        Args:
            time: the line's time, Unix nanoseconds.
            reason: why the container ended, if this line stays alone.
            instances: how many instances the component has; None if that varies.
            now: Unix seconds.

        Returns:
            True if it reports an exit that no line has reported before.
        """
        if self._told_before(line, time, instances):
            return False
        told = Told(time, line.code, line.form, now, reason)
        shown = self._shown_for(told)
        if shown is not None:
            shown.paired, told.waits, told.paired = True, False, True
            shown.code = line.code
        self.told = _latest([*self.told, told])
        return True

    def show(self, time: int, at: float, line: int, code: int | None) -> tuple[bool, int | None]:
        """Take in a container that RUN_RESTARTED newly shows.

        Args:
            time: its last line's time, Unix nanoseconds.
            at: when it was read, Unix seconds.
            line: the identity of its last line.
            code: the exit code that a line in its text reports; such a line may be about the
                container before it.

        Returns:
            whether its end is news, and its exit code if that is known.
        """
        candidates = [
            told
            for told in self.told
            if not told.paired and told.time >= time - EARLY_SECONDS * NANOSECONDS
        ]
        of_code = [told for told in candidates if told.code == code]
        told = _nearest(of_code or candidates, time)
        self.shown = _latest([*self.shown, Shown(time, at, line, told is not None)])
        if told is None:
            return True, None  # a line in its text is about the container before it
        news = told.waits or told.requested
        told.waits, told.paired = False, True
        return news, told.code

    def settle(self, read_at: float | None, now: float) -> list[Told]:
        """Return the exits that count alone: RUN_RESTARTED has nothing new that could be theirs.

        Args:
            read_at: when a whole read of RUN_RESTARTED began that has just ended (Unix seconds);
                None after a read of another log.
            now: Unix seconds.
        """
        over = [
            told
            for told in self.told
            if told.waits
            and (
                now - told.since >= ALONE_SECONDS
                or (read_at is not None and read_at - told.since >= GRACE_SECONDS)
            )
        ]
        for told in over:
            told.waits = False
        return [told for told in over if not told.requested]

    def await_code(self) -> None:
        """Let the container that was shown last wait for a line with its exit code."""
        self.shown[-1].waits = True

    def explain(self, read_at: float | None, now: float) -> list[Shown]:
        """Return the containers that have waited for their exit code long enough, or have it now.

        Args:
            read_at: up to when RUN is known to have been read (Unix seconds); None if that has
                not changed.
            now: Unix seconds.
        """
        over = [
            shown
            for shown in self.shown
            if shown.waits
            and (
                shown.code is not None
                or now - shown.at >= ALONE_SECONDS
                or (read_at is not None and read_at - shown.at >= GRACE_SECONDS)
            )
        ]
        for shown in over:
            shown.waits = False
        return over

    def to_json(self) -> dict[str, Any]:
        """Return it as a document for ``from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ExitAccount:
        """Return what ``to_json`` gave.

        Raises:
            KeyError, TypeError: it is another document.
        """
        return cls(
            [Told(**told) for told in document["told"]],
            [Shown(**shown) for shown in document["shown"]],
        )

    def _told_before(self, line: ExitLine, time: int, instances: int | None) -> bool:
        """Whether lines have reported this exit already, in this wording or the other."""
        same = [told for told in self.told if told.code == line.code]
        if time % NANOSECONDS and any(_is_line_of(told, line.form, time) for told in same):
            return True  # equal to the last digit of its time: it is the same line again
        if instances is not None:
            wording = (line.form, _BOTH)
            near = [t for t in same if t.form in wording and _apart(t, time) < TWICE_SECONDS]
            if len(near) >= max(1, instances):
                return True
        # Of the other wording, each exit is the pair of one line of this wording at the most.
        near = [told for told in same if _apart(told, time) <= FORMS_SECONDS]
        other = [told for told in near if told.form not in (line.form, _BOTH)]
        if not other:
            return False
        pair = min(other, key=lambda told: _apart(told, time))
        pair.form, pair.other_time = _BOTH, time
        return True

    def _shown_for(self, told: Told) -> Shown | None:
        """The container that a line's exit is the end of, if RUN_RESTARTED has shown it."""
        early, skew = EARLY_SECONDS * NANOSECONDS, SKEW_SECONDS * NANOSECONDS
        candidates = [
            shown
            for shown in self.shown
            if not shown.paired and shown.time - early <= told.time <= shown.at * NANOSECONDS + skew
        ]
        return min(candidates, key=lambda shown: abs(told.time - shown.time), default=None)


def _latest(ends: list[_End]) -> list[_End]:
    """The last of some ends, and each that waits."""
    return [*(end for end in ends[:-_KEPT] if end.waits), *ends[-_KEPT:]]


def _is_line_of(told: Told, form: str, time: int) -> bool:
    """Whether a line of this wording and time is one that reported this exit."""
    return time == told.other_time or (time == told.time and told.form in (form, _BOTH))


def _apart(told: Told, time: int) -> float:
    return abs(told.time - time) / NANOSECONDS


def _nearest(candidates: list[Told], time: int) -> Told | None:
    """The first exit after a container's last line, or else the one right before it."""
    after = [told for told in candidates if told.time >= time]
    if after:
        return min(after, key=lambda told: told.time)
    return max(candidates, key=lambda told: told.time, default=None)
