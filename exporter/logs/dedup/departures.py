"""Lines that left RUN with their container, until RUN_RESTARTED shows them or they are a gap."""

from collections.abc import Collection

from exporter.logs.dedup.window import Window


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

    def __bool__(self) -> bool:
        return bool(self.lines)

    def note(self, gone: set[int], ended: Collection[int], moved_off: int, ended_news: int) -> bool:
        """Take note of a whole window of RUN; return whether lines left with their container.

        Args:
            gone: the lines of the window before that it does not show.
            ended: the lines of RUN_RESTARTED's latest window.
            moved_off: by how many lines the log has moved on, at the most.
            ended_news: how many lines RUN_RESTARTED newly showed since the window before.
        """
        left = gone.difference(ended)
        if len(left) < len(gone):
            moved_off += ended_news
        if len(left) <= moved_off:
            return False
        self.lines |= left
        self.moved_off += moved_off
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
        missing = self.lines.difference(window.seen)
        found = len(self.lines) - len(missing)
        spared = self.moved_off + self.ended_news
        self.forget()
        return not found or len(missing) > spared
