"""Which programs of the system the tests use, and the reason of a test that lacks one.

A test says ``@requires("promtool")`` after ``from programs import requires``.
"""

import shutil

import pytest

DEBIAN_PACKAGES = {
    "chromium-headless-shell": "chromium-headless-shell",
    "elixir": "elixir",
    "escript": "erlang-base",
    "faketime": "faketime",
    "git": "git",
    "ip": "iproute2",
    "make": "make",
    "node": "nodejs",
    "pg_lsclusters": "postgresql",
    "pgbouncer": "pgbouncer",
    "php": "php-cli",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "redis-server": "redis-server",
    "rsyslogd": "rsyslog-elasticsearch",
    "ruby": "ruby",
    "strace": "strace",
    "systemd-analyze": "systemd",
    "valkey-server": "valkey-server",
}
"""The Debian package of each program."""

NOT_INSTALLED = {
    "bun": "none; npm has it as bun",
    "deno": "none; npm has it as deno",
    "fluent-bit": "none; its project has packages, and its source",
    "g++": "g++",
    "go": "golang-go",
    "java": "default-jdk-headless",
    "perl": "perl",
    "rustc": "rustc",
}
"""The same of programs that are used where they are, being too big to install for a test."""


def requires(program: str) -> pytest.MarkDecorator:
    """Skip the test where the program is not on PATH, naming the Debian package that has it."""
    package = {**DEBIAN_PACKAGES, **NOT_INSTALLED}[program]
    return pytest.mark.skipif(
        shutil.which(program) is None,
        reason=f"{program} is not installed (Debian package {package})",
    )
