"""A real PgBouncer on loopback, in front of a real PostgreSQL."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from urllib.parse import urlsplit

import psycopg
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port

POOL_SIZES = {"session": 20, "transaction": 2}
"""Connections to the server; one of an exporter takes one for as long as it is open, or works."""


@contextmanager
def pgbouncer(url: str, pool_mode: str) -> Iterator[str]:
    """Run it in front of a server; yields the URL that leads through it.

    Args:
        url: of the server, with user and password.
        pool_mode: ``session`` or ``transaction``.
    """
    server, port = urlsplit(url), free_port()
    folder = Path(mkdtemp(prefix="pgbouncer-"))
    folder.chmod(0o755)
    users, config = folder / "users", folder / "pgbouncer.ini"
    users.write_text(f'"{server.username}" "{server.password}"\n')
    config.write_text(
        f"[databases]\n* = host={server.hostname} port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\npool_mode = {pool_mode}\n"
        f"default_pool_size = {POOL_SIZES[pool_mode]}\n"
    )
    user = None
    if os.geteuid() == 0:  # It refuses to run as root.
        names = {entry.pw_name for entry in pwd.getpwall()}
        user = "postgres" if "postgres" in names else "nobody"
    process = subprocess.Popen(["pgbouncer", "-q", str(config)], user=user)
    through = server._replace(netloc=f"{server.netloc.rpartition(':')[0]}:{port}").geturl()

    def answers() -> bool:
        try:
            psycopg.connect(through, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    try:
        wait_for(answers)
        yield through
    finally:
        process.terminate()
        process.wait(LIMIT_SECONDS)
        rmtree(folder)
