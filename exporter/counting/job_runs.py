"""The latest runs of each job, for the page, with the last words of those that failed."""

import json
from collections.abc import Sequence
from typing import Any

from exporter.counting.crashes import LINES, excerpt
from exporter.counting.ledger import Ledger
from exporter.counting.notifier import Notifier
from exporter.logs.lines import NANOSECONDS
from exporter.logs.platform_lines import end_reason, exit_line
from exporter.model import (
    ComponentKey,
    Invocation,
    InvocationPhase,
    JobRun,
    LogLine,
    RestartReason,
    Trigger,
)

KIND = "job_run"
"""Of the documents that hold them, one each."""

RUNS = 10
FAILED_RUNS = 5
"""Of these, runs that failed are kept beside the latest ones."""


class JobRuns:
    """Keeps the latest runs of each job, in state where there is one.

    Used under the ledger's lock.

    Args:
        excerpts: whether the text of lines may be kept and shown.
    """

    def __init__(self, ledger: Ledger, notifier: Notifier, *, excerpts: bool) -> None:
        self._ledger = ledger
        self._notifier = notifier
        self._excerpts = excerpts

    def add(self, key: ComponentKey, runs: Sequence[Invocation]) -> None:
        """Some runs have ended; the oldest of too many are dropped."""
        newest_first = sorted(runs, key=_name, reverse=True)
        failed = [run for run in newest_first if run.phase is InvocationPhase.FAILED]
        for run in {run.id: run for run in (*newest_first[:RUNS], *failed[:FAILED_RUNS])}.values():
            self._keep(key, run)
        kept = self._ledger.documents.kept(KIND, key.parts)
        names = sorted(kept, reverse=True)
        of_failed = [name for name in names if json.loads(kept[name])["phase"] == "failed"]
        for name in set(names) - {*names[:RUNS], *of_failed[:FAILED_RUNS]}:
            self._ledger.documents.discard(KIND, key.parts, name)

    def explain(
        self, key: ComponentKey, invocation_id: str, log: Sequence[LogLine], now: float
    ) -> None:
        """Keep why a run failed, with its last lines, and send a notification of it.

        Args:
            log: of the run, whole; empty where it could not be read.
            now: Unix seconds, for a run of which the platform does not tell when it ended.
        """
        code = _exit_code(log)
        reason = end_reason((line.message for line in log), code)
        last = log[-LINES:]
        words = [line.message for line in last]
        ended = now
        for name, data in self._ledger.documents.kept(KIND, key.parts).items():
            document = json.loads(data)
            if document["id"] == invocation_id:
                ended = document["ended"] or now
                if log:
                    document.update(reason=reason, exit_code=code)
                if self._excerpts:
                    document.update(_lines(last))
                self._ledger.documents.keep(KIND, key.parts, name, json.dumps(document).encode())
        self._notifier.job_failed(key, reason, ended, words, code)

    def of(self, key: ComponentKey) -> tuple[JobRun, ...]:
        """The latest runs of a job, the newest first."""
        kept = self._ledger.documents.kept(KIND, key.parts)
        return tuple(self._run(kept[name]) for name in sorted(kept, reverse=True))

    def _keep(self, key: ComponentKey, run: Invocation) -> None:
        document: dict[str, Any] = {
            "id": run.id,
            "phase": run.phase,
            "trigger": run.trigger,
            "began": run.began_at,
            "ended": run.ended_at,
            "duration": run.duration,
            "reason": None,
            "lines": [],
        }
        self._ledger.documents.keep(KIND, key.parts, _name(run), json.dumps(document).encode())

    def _run(self, data: bytes) -> JobRun:
        document = json.loads(data)
        reason = document["reason"]
        return JobRun(
            phase=InvocationPhase(document["phase"]),
            trigger=Trigger(document["trigger"]),
            began=document["began"],
            ended=document["ended"],
            duration=document["duration"],
            reason=None if reason is None else RestartReason(reason),
            # An earlier run of the exporter may have kept what this one may not show.
            lines=tuple(document["lines"]) if self._excerpts else (),
            times=tuple(document.get("times", ())),  # earlier versions kept none
            exit_code=document.get("exit_code"),
        )


def _name(run: Invocation) -> str:
    """A name by which runs are in the order of their ends."""
    return f"{run.ended_at or 0.0:017.3f} {run.id}"


def _exit_code(log: Sequence[LogLine]) -> int | None:
    """The exit code that the platform's own line in a log tells; None where it has none."""
    exits = (exit_line(line.raw) for line in reversed(log))
    return next((found.code for found in exits if found is not None), None)


def _lines(log: Sequence[LogLine]) -> dict[str, Any]:
    """Lines as text that may be kept, with the time of each."""
    lines = excerpt([line.message for line in log])
    times = [None if line.timestamp is None else line.timestamp / NANOSECONDS for line in log]
    return {"lines": lines, "times": times if len(times) == len(lines) else []}
