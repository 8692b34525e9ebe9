"""What the simulated platform really did, for comparison with what an exporter counted.

``Ledger`` is written by the platform as it goes; ``Truth`` is what it knows at one moment.
"""

import builtins
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exporter.model import ComponentKey, LogType
from exporter.simulator.state import Container, Line


@dataclass(frozen=True, slots=True)
class LogTruth:
    """The truth about one log.

    Args:
        lines: lines written.
        bytes: their bytes as served, prefix and newline included.
        container_ends: containers that crashed; those a deployment replaced do not count.
        lost_lines: lines that left the platform, or can be read no more since their deployment
            has ended, before any answer had held them.
        lost_bytes: the bytes of those.
        lost_container_ends: ends that RUN_RESTARTED never showed and never will, since a newer
            one took their place or because the container had no line.
        last_timestamp_ns: the newest line's own time, None before the first.
    """

    lines: int = 0
    bytes: int = 0
    container_ends: int = 0
    lost_lines: int = 0
    lost_bytes: int = 0
    lost_container_ends: int = 0
    last_timestamp_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth at one moment.

    Args:
        logs: by component and log; RUN stands for all run-time lines, as in the metrics.
        phases: how often deployments of an app (by name) entered each phase.
        exits: ends of containers that the platform told in a line of its own, by exit code.
    """

    logs: Mapping[tuple[ComponentKey, LogType], LogTruth]
    phases: Mapping[str, Mapping[str, int]]
    exits: Mapping[ComponentKey, Mapping[int, int]] = field(default_factory=dict)

    def of(self, app: str, component: str, log_type: LogType = LogType.RUN) -> LogTruth:
        """The truth about one log; all zero when nothing was ever written to it."""
        return self.logs.get((ComponentKey(app, component), log_type), LogTruth())


@dataclass(slots=True)
class _Account:
    lines: int = 0
    bytes: int = 0
    container_ends: int = 0
    lost_lines: int = 0
    lost_bytes: int = 0
    lost_container_ends: int = 0
    last_timestamp_ns: int | None = None
    texts: list[builtins.bytes] = field(default_factory=list)

    def snapshot(self, unread: Sequence[Line] = ()) -> LogTruth:
        return LogTruth(
            self.lines,
            self.bytes,
            self.container_ends,
            self.lost_lines + len(unread),
            self.lost_bytes + sum(len(line.text) for line in unread),
            self.lost_container_ends,
            self.last_timestamp_ns,
        )


class Ledger:
    """Counts what happens; ``record_lines`` keeps every line's text too."""

    def __init__(self, record_lines: bool) -> None:
        self._record_lines = record_lines
        self._accounts: dict[tuple[ComponentKey, LogType], _Account] = {}
        self._phases: dict[str, Counter[str]] = {}
        self._exits: dict[ComponentKey, Counter[int]] = {}
        self._refused: list[tuple[ComponentKey, Container]] = []

    def _account(self, key: ComponentKey, log_type: LogType) -> _Account:
        account = self._accounts.get((key, log_type))
        if account is None:
            account = self._accounts[key, log_type] = _Account()
        return account

    def written(self, key: ComponentKey, log_type: LogType, line: Line) -> None:
        """Count a line that was written."""
        account = self._account(key, log_type)
        account.lines += 1
        account.bytes += len(line.text)
        account.last_timestamp_ns = max(account.last_timestamp_ns or 0, line.timestamp_ns)
        if self._record_lines:
            account.texts.append(line.text)

    def discarded(self, key: ComponentKey, log_type: LogType, line: Line) -> None:
        """Count a line that the platform no longer keeps, if nobody was ever shown it."""
        if not line.served:
            account = self._account(key, log_type)
            account.lost_lines += 1
            account.lost_bytes += len(line.text)

    def crashed(self, key: ComponentKey) -> None:
        """Count a container that ended by itself."""
        self._account(key, LogType.RUN).container_ends += 1

    def end_discarded(self, key: ComponentKey, previous: Container) -> None:
        """Count a container end that the platform no longer shows, if it never did."""
        if not previous.end_served:
            self._account(key, LogType.RUN).lost_container_ends += 1

    def exited(self, key: ComponentKey, exit_code: int) -> None:
        """Count a container end that the platform told in a line of its own."""
        self._exits.setdefault(key, Counter())[exit_code] += 1

    def refused(self, key: ComponentKey, container: Container) -> None:
        """Note that the log of a container can be asked for no more; open streams stay."""
        self._refused.append((key, container))

    def entered(self, app: str, phase: str) -> None:
        """Count a deployment that entered a phase."""
        self._phases.setdefault(app, Counter())[phase] += 1

    def texts(self, key: ComponentKey, log_type: LogType) -> tuple[bytes, ...]:
        """Every line written, in order of writing; none unless lines are recorded."""
        return tuple(self._account(key, log_type).texts)

    def snapshot(self) -> Truth:
        """The truth as of now."""
        unread: dict[ComponentKey, list[Line]] = {}
        for key, container in self._refused:
            unread.setdefault(key, []).extend(line for line in container.lines if not line.served)
        logs = {
            (key, log_type): account.snapshot(
                unread.get(key, ()) if log_type is LogType.RUN else ()
            )
            for (key, log_type), account in self._accounts.items()
        }
        phases = {app: dict(phases) for app, phases in self._phases.items()}
        return Truth(logs, phases, {key: dict(codes) for key, codes in self._exits.items()})
