"""Which programs of the system the tests use, and the reason of a test that lacks one.

A test says ``@requires("promtool")`` after ``from programs import requires``.
"""

import shutil

import pytest

DEBIAN_PACKAGES = {
    "git": "git",
    "make": "make",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "redis-server": "redis-server",
    "systemd-analyze": "systemd",
}
"""The Debian package of each program."""


def requires(program: str) -> pytest.MarkDecorator:
    """Skip the test where the program is not on PATH, naming the Debian package that has it."""
    return pytest.mark.skipif(
        shutil.which(program) is None,
        reason=f"{program} is not installed (Debian package {DEBIAN_PACKAGES[program]})",
    )
