"""Lines that left RUN with their container, until RUN_RESTARTED shows them or they are a gap."""

from collections.abc import Collection

from exporter.logs.dedup.window import Window
from exporter.model import LogType


class Departures:
    """What RUN no longer shows though its log did not move on by as much.

    A log moves on by as many lines as it gets; more can only leave with their container.

    Args:
        lines: those that left.
        moved_off: at most so many of them left by moving on after all.
        ended_news: how many lines RUN_RESTARTED newly showed since RUN's latest whole window.
    """

    def __init__(
        self, lines: Collection[int] = (), *, moved_off: int = 0, ended_news: int = 0
    ) -> None:
        self.lines = set(lines)
        self.moved_off = moved_off
        self.ended_news = ended_news
        # Lines that reads that broke off newly showed since then, of RUN and of RUN_RESTARTED.
        self._run_cut = self._ended_cut = 0

    def __bool__(self) -> bool:
        return bool(self.lines)

    def break_off(self, window: Window) -> None:
        """Take note of a read that broke off: what it counted is news as well."""
        if window.past or not window.live:
            return
        if window.log_type is LogType.RUN_RESTARTED:
            self.ended_news += window.counted
            self._ended_cut += window.counted
        else:
            self._run_cut += window.counted

    def take_run_news(self, window: Window) -> int:
        """By how many lines RUN has moved on, at the most, up to a whole window of it."""
        news, self._run_cut = window.counted + self._run_cut, 0
        return max(news, window.new)

    def take_ended_news(self) -> int:
        """How many lines RUN_RESTARTED newly showed since RUN's latest whole window.

        Of lines that left before, as many may have moved on out of RUN_RESTARTED since.
        """
        news, self.ended_news = self.ended_news, 0
        if self.lines:
            self.moved_off += news
        return news

    def note(self, gone: set[int], ended: Collection[int], moved_off: int, ended_news: int) -> bool:
        """Take note of a whole window of RUN; return whether lines left with their container.

        Args:
            gone: the lines of the window before that it does not show.
            ended: the lines of RUN_RESTARTED's latest window.
            moved_off: by how many lines the log has moved on, at the most.
            ended_news: how many lines RUN_RESTARTED newly showed since the window before.
        """
        left = gone.difference(ended)
        ended_cut, self._ended_cut = self._ended_cut, 0
        moved_off += ended_news if len(left) < len(gone) else 0
        if len(left) <= moved_off:
            return False
        self.lines |= left
        # Their log may have been shown by a read that broke off, and have moved on by then.
        self.moved_off += max(moved_off, ended_cut)
        return True

    def forget(self) -> None:
        """Wait for them no longer."""
        self.lines = set()
        self.moved_off = 0

    def settle(self, window: Window) -> bool:
        """Hold them against a whole window of RUN_RESTARTED; return whether containers are lost.

        Of one that it shows, the newest lines stand in it; as many of the older ones may have
        moved on out of it as its log newly showed since they left.
        """
        if not self.lines:
            return False  # they were given up while the window was read
        missing = self.lines.difference(window.seen)
        found = len(self.lines) - len(missing)
        spared = self.moved_off + self.ended_news + window.copies
        self.forget()
        return not found or len(missing) > spared
