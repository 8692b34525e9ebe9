"""The last words of each crash: the platform keeps those of the latest only, this keeps five."""

import json
from collections.abc import Iterable, Sequence

from exporter.counting.ledger import Ledger
from exporter.logs.lines import NANOSECONDS, timestamp_of
from exporter.logs.redaction import redact_lines
from exporter.logs.restarts.container_ends import ContainerEnd
from exporter.model import ComponentKey, Crash, RestartReason

KIND = "crash"
"""Of the documents that hold them, one each."""

CRASHES = 5
LINES = 100
LONGEST_LINE = 2000
"""Characters."""


class Crashes:
    """Keeps the latest container ends of each component, in state where there is one.

    Used under the ledger's lock.

    Args:
        excerpts: whether the text of lines may be kept and shown.
    """

    def __init__(self, ledger: Ledger, *, excerpts: bool) -> None:
        self._ledger = ledger
        self._excerpts = excerpts

    def add(
        self,
        key: ComponentKey,
        end: ContainerEnd,
        last_words: Sequence[bytes],
        reason: RestartReason,
        code: int | None,
    ) -> None:
        """Keep the end of a container with its last messages; the oldest of too many is evicted."""
        lines = excerpt(last_words[-LINES:]) if self._excerpts else []
        times = [_seconds(raw) for raw in end.last_lines[-LINES:]]
        document = {
            "at": end.timestamp / NANOSECONDS,
            "reason": reason,
            "lines": lines,
            "times": times if len(times) == len(lines) else [],
            "exit_code": code,
        }
        name = _name(end.timestamp, end.line)
        self._ledger.documents.keep(KIND, key.parts, name, json.dumps(document).encode())
        kept = self._ledger.documents.kept(KIND, key.parts)
        for old in sorted(kept)[:-CRASHES]:
            self._ledger.documents.discard(KIND, key.parts, old)

    def complete(
        self,
        key: ComponentKey,
        timestamp: int,
        line: int,
        code: int | None,
        reason: RestartReason | None = None,
    ) -> tuple[str, ...]:
        """Add to an end what became known later: its exit code, and its reason unless it is None.

        Args:
            timestamp, line: time (Unix ns) and identity of the container's last line.

        Returns:
            Its last messages; none if they are not kept.
        """
        name = _name(timestamp, line)
        data = self._ledger.documents.kept(KIND, key.parts).get(name)
        if data is None:
            return ()
        document = json.loads(data)
        known = {"exit_code": code} if reason is None else {"exit_code": code, "reason": reason}
        if not known.items() <= document.items():
            self._ledger.documents.keep(
                KIND, key.parts, name, json.dumps(document | known).encode()
            )
        return tuple(document["lines"])

    def of(self, key: ComponentKey) -> tuple[Crash, ...]:
        """The latest ends of a component's containers, the newest first."""
        kept = self._ledger.documents.kept(KIND, key.parts)
        return tuple(self._crash(kept[name]) for name in sorted(kept, reverse=True))

    def _crash(self, data: bytes) -> Crash:
        document = json.loads(data)
        # An earlier run may have kept what this one may not show.
        lines: Iterable[str] = document["lines"] if self._excerpts else ()
        return Crash(
            document["at"],
            RestartReason(document["reason"]),
            tuple(lines),
            tuple(document.get("times", ())),  # earlier versions kept neither
            document.get("exit_code"),
        )


def _seconds(raw: bytes) -> float | None:
    at = timestamp_of(raw)
    return None if at is None else at / NANOSECONDS


def _name(timestamp: int, line: int) -> str:
    return f"{timestamp:020d} {line:016x}"


def excerpt(messages: Sequence[bytes]) -> list[str]:
    """Messages as text that may be kept: cut to a length, and redacted."""
    texts = (message.decode("utf-8", "replace")[:LONGEST_LINE] for message in messages)
    return redact_lines(texts)
