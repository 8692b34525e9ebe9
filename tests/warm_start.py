"""Starts of the program without what loading its modules costs, which is most of a start.

A process loads them once, and forks for each start: the new process reads its flags, variables and
configuration, listens, runs, obeys signals and ends as one does that was started by the command.
What tests show of the command itself, and of how it is started, they show without this.
"""

import atexit
import ctypes
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

OWN_VARIABLES = ("DIGITALOCEAN_", "DO_APP_EXPORTER_")
"""How the variables begin that may differ between starts; others steer the interpreter too."""

AVAILABLE = sys.platform == "linux"

_SET_CHILD_SUBREAPER = 36
_LONGEST_REQUEST = 1 << 20


class Forked:
    """A started process, with what is used of ``subprocess.Popen``."""

    def __init__(self, pid: int, stdout: IO[str] | None = None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not ended in so many seconds.
        """
        if self.poll() is None:
            ended = os.pidfd_open(self.pid)
            try:
                if not select.select([ended], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("a warm start", timeout or 0.0)
            finally:
                os.close(ended)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """End it as a service manager does."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def start(arguments: Sequence[str], variables: Mapping[str, str]) -> Forked:
    """Start the program without input, its output in one pipe.

    Args:
        variables: its whole environment.
    """
    reading, writing = os.pipe()
    try:
        with Path(os.devnull).open("rb") as nothing:
            started = start_on(arguments, variables, (nothing.fileno(), writing, writing))
    finally:
        os.close(writing)
    return Forked(started.pid, os.fdopen(reading, encoding="utf-8", errors="replace"))


def start_on(
    arguments: Sequence[str], variables: Mapping[str, str], streams: tuple[int, int, int]
) -> Forked:
    """Start the program.

    Args:
        variables: its whole environment.
        streams: what its standard input, output and error are.
    """
    loaded, _ = _loaded()
    request = {
        "arguments": [*arguments],
        "variables": dict(variables),
        "folder": str(Path.cwd()),
    }
    with _adopting():
        socket.send_fds(loaded, [json.dumps(request).encode()], streams)
        return Forked(int(loaded.recv(32)))


@contextmanager
def _adopting() -> Iterator[None]:
    """While it lasts, a process whose parent ends becomes a child of this one."""
    _adopt(1)
    try:
        yield
    finally:
        _adopt(0)


def _adopt(on: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, on, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


@cache
def _loaded() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process that has loaded everything, and the way to it; it ends when this one does."""
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(its.fileno())],
            pass_fds=[its.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    atexit.register(_end, ours, process)
    return ours, process


def _end(loaded: socket.socket, process: subprocess.Popen[bytes]) -> None:
    loaded.close()
    process.wait()


def _serve(requests: socket.socket) -> None:
    """Fork for each request; a child returns from here to run the program."""
    while True:
        text, streams, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 3)
        if not text:
            os._exit(0)
        child, between = os.pipe()
        if parent := os.fork():
            for number in (*streams, between):
                os.close(number)
            # Once its parent has ended, it is a child of who asks.
            os.waitpid(parent, 0)
            with os.fdopen(child, "rb") as told:
                requests.send(told.read())
            continue
        if pid := os.fork():
            os.write(between, str(pid).encode())
            os._exit(0)
        for number in (requests.detach(), child, between):
            os.close(number)
        _become(json.loads(text), streams)
        return


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Be what the request asks for."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in streams:
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["variables"])
    sys.argv[1:] = request["arguments"]


LOADED_LATER = (
    "anyio._backends._asyncio",
    "anyio.streams.tls",
    "apscheduler.triggers.date",
    "apscheduler.triggers.interval",
    "exporter.matching.prefilter.proposal",
    "exporter.state.postgresql",
    "exporter.state.redis",
    "exporter.state.sqlite",
    "uvicorn.lifespan.off",
    "uvicorn.loops.asyncio",
)
"""What the program loads in a start besides what its command names, with any state."""


def _load() -> Callable[[], NoReturn]:
    """Load the program and return what runs it."""
    compiled_rules = import_module("compiled_rules")
    # The first is the tests' folder, where an installed command does not look.
    del sys.path[0]
    for name in ("exporter.commands.run", *LOADED_LATER):
        import_module(name)
    cli, schema = import_module("exporter.cli"), import_module("exporter.config.schema")
    schema.Config.model_rebuild()
    import_module("exporter.service.counting_parts").Engine = compiled_rules.compiled
    gc.freeze()
    main: Callable[[], NoReturn] = cli.main
    return main


if __name__ == "__main__":
    run = _load()
    _serve(socket.socket(fileno=int(sys.argv[1])))
    run()
