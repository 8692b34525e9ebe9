"""A real PostgreSQL on loopback, in a folder of its own, which is never run as root."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree, which
from tempfile import mkdtemp

import psycopg
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port

START_SECONDS = LIMIT_SECONDS
USER, PASSWORD, DATABASE = "exporter", "hunter2-secret", "postgres"

# Debian's programs are not on PATH: several versions may be there.
PROGRAMS = [*sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)]
SEARCHED = os.pathsep.join([*PROGRAMS, os.environ.get("PATH", "")])


class PostgresqlServer:
    """A server that can be stopped and started again on what it holds.

    Args:
        folder: made by the caller, and readable by other users where root runs the tests.
    """

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self._port}/{DATABASE}"
        self._user: str | None = None
        if os.geteuid() == 0:  # The server refuses to run as root.
            names = {entry.pw_name for entry in pwd.getpwall()}
            self._user = "postgres" if "postgres" in names else "nobody"
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        create = [_program("initdb"), "-D", str(self._data), "-U", USER, "--no-sync"]
        create += ["-E", "UTF8", "--locale=C", "-A", "scram-sha-256", f"--pwfile={password}"]
        subprocess.run(create, user=self._user, stdout=subprocess.DEVNULL, check=True)

    def own(self, file: Path) -> None:
        """Let the server alone read a file."""
        file.chmod(0o600)
        if self._user is not None:
            os.chown(file, pwd.getpwnam(self._user).pw_uid, -1)

    def children(self) -> list[int]:
        """The main process of the running server, and those that it started, one a connection."""
        assert self._server is not None
        main = self._server.pid
        listed = Path(f"/proc/{main}/task/{main}/children").read_text()
        return [main, *map(int, listed.split())]

    def start(self, **more: str) -> None:
        """Start it, with more settings, and wait until it answers."""
        options = {
            "port": self._port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "16MB",
            "max_connections": 40,
            **more,
        }
        flags = [f"--{name}={value}" for name, value in options.items()]
        command = [_program("postgres"), "-D", str(self._data), *flags]
        self._server = subprocess.Popen(command, user=self._user, stderr=subprocess.DEVNULL)
        wait_for(self._answers, START_SECONDS)

    def stop(self) -> None:
        """Stop it at once, as its orderly shutdown does."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            self._server.wait(START_SECONDS)
            self._server = None

    def copy(self, to: Path) -> None:
        """Stop it for a moment, and copy what it holds, with its owner."""
        self.stop()
        subprocess.run(["cp", "-a", str(self._data), str(to)], check=True)
        self.start()

    def go_back(self, copy: Path) -> None:
        """Restart it with a copy of what it held earlier."""
        self.stop()
        rmtree(self._data)
        subprocess.run(["cp", "-a", str(copy), str(self._data)], check=True)
        self.start()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Run a server in a folder that other users can enter, and remove both."""
    folder = Path(mkdtemp(prefix="postgresql-"))
    folder.chmod(0o755)
    try:
        server = PostgresqlServer(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        rmtree(folder)


def _program(name: str) -> str:
    found = which(name, path=SEARCHED)
    assert found is not None, f"{name} is not installed"
    return found
