"""Each system call of one start and one save fails once, and the process is killed before it.

``strace`` traces the calls of a child on the state's file or socket. First a run without faults
lists the calls. Then there is one run for each call and fault, and another without faults behind
it. That a process is killed right after a call is the same as right before the next one.
"""

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from state_scenario import (
    DURING,
    ONCE,
    Database,
    SqliteFile,
    Told,
    begin_child,
    live,
    problem_of,
)

FILE_CALLS = {
    "openat": ("EIO", "ENOSPC", "EINTR"),
    "newfstatat": ("EIO",),
    "fstat": ("EIO",),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO", "EINTR"),
    "write": ("EIO", "ENOSPC", "EINTR"),
    "pwrite64": ("EIO", "ENOSPC", "EINTR"),
    "ftruncate": ("EIO", "EINTR"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"),
    "fcntl": ("EIO", "ENOLCK"),
    "unlink": ("EIO",),
    "rename": ("EIO", "ENOSPC"),
    "close": ("EIO",),
}
SOCKET_CALLS = {
    "socket": ("EMFILE",),
    "connect": ("ECONNREFUSED", "ETIMEDOUT"),
    "sendto": ("ECONNRESET", "EPIPE"),
    "recvfrom": ("ECONNRESET", "ETIMEDOUT"),
    "setsockopt": ("ENOMEM",),
}
KILL = "SIGKILL"
SHORT = "short write"
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += +(-?\d+)")


@dataclass(frozen=True)
class CallFault:
    """What happens to one call: ``number`` counts the calls of that name from 1."""

    scenario: str
    call: str
    number: int
    fault: str
    limit: int = 0  # the size that no file exceeds, for a short write

    def __str__(self) -> str:
        return f"{self.scenario}: {self.fault} at {self.call} number {self.number}"


def live_traced(database: Database, trace: list[str], limit: int = 0) -> Told:
    """Live in a process of its own, traced from its beginning if wanted."""
    child = begin_child(lambda: live(database.open, ONCE, limit))
    if not trace:
        child.go()
        return child.told()
    paths = database.paths if isinstance(database, SqliteFile) else ()  # or else every socket
    where = [part for path in paths for part in ("-P", path)]
    tracer = subprocess.Popen(
        ["strace", "-qq", "-p", str(child.pid), *where, *trace], stderr=subprocess.DEVNULL
    )
    _wait_for_tracer(child.pid, tracer)
    child.go()
    told = child.told()
    tracer.wait()
    return told


def _wait_for_tracer(child: int, tracer: "subprocess.Popen[bytes]") -> None:
    """Wait until a process is traced; raises RuntimeError if it cannot be."""
    status = Path(f"/proc/{child}/status")
    while "TracerPid:\t0\n" in status.read_text():
        if tracer.poll() is not None:
            os.kill(child, 9)
            os.waitpid(child, 0)
            raise RuntimeError("strace may trace no process here")
        time.sleep(0.002)


def _calls_of(database: Database) -> dict[str, tuple[str, ...]]:
    return FILE_CALLS if isinstance(database, SqliteFile) else SOCKET_CALLS


def _calls_made(database: Database, log: Path) -> Iterator[tuple[str, str]]:
    """The calls of a run without faults, in order, each with its arguments."""
    database.reset()
    names = ",".join(f"?{name}" for name in _calls_of(database))
    told = live_traced(database, ["-o", str(log), "-e", f"trace={names}"])
    assert told.get("shown") == DURING + 1, told
    for text in log.read_text().splitlines():
        if call := _CALL.match(text):
            yield call[1], call[2]


def faults_of(database: Database, folder: Path) -> list[CallFault]:
    """Every fault of every call of one start and one save."""
    seen: Counter[str] = Counter()
    faults: list[CallFault] = []
    for name, arguments in _calls_made(database, folder / "calls"):
        seen[name] += 1
        kinds = (*_calls_of(database)[name], KILL)
        faults += [CallFault(database.scenario, name, seen[name], kind) for kind in kinds]
        if name == "pwrite64":
            size, offset = (int(number) for number in arguments.rsplit(", ", 2)[1:])
            limit = offset + max(1, size // 2)
            faults.append(CallFault(database.scenario, name, seen[name], SHORT, limit))
    return faults


def one_of_each(faults: Sequence[CallFault]) -> list[CallFault]:
    """One of each call and fault: that in the middle."""
    kinds: dict[tuple[str, str], list[CallFault]] = {}
    for fault in faults:
        kinds.setdefault((fault.call, fault.fault), []).append(fault)
    return [alike[len(alike) // 2] for alike in kinds.values()]


def problem_at(database: Database, fault: CallFault) -> str:
    """Let a fault happen, then start again; what is wrong, empty where nothing is."""
    database.reset()
    trace: list[str] = []
    if fault.fault != SHORT:
        what = "signal=KILL" if fault.fault == KILL else f"error={fault.fault}"
        inject = f"inject={fault.call}:{what}:when={fault.number}"
        trace = ["-o", "/dev/null", "-e", f"trace={fault.call}", "-e", inject]
    told = live_traced(database, trace, fault.limit)
    return problem_of(database, told, killed=fault.fault == KILL)


def cannot_trace() -> str:
    """Why faults cannot be injected here; empty where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian package strace)"
    probe = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"]
    traced = subprocess.run(probe, capture_output=True, check=False)
    return "" if traced.returncode == 0 else "strace may trace no process here"
