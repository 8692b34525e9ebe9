"""The demo: one command that shows errors and a crash, and ends whole."""

import re
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import requests
from exporter_process import Program, Samples
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port

PLATFORM_GRANTS = 5000
"""Requests an hour that the real platform grants a token."""


def children_of(pid: int) -> dict[int, str]:
    """The processes that a process has started and that still live, with their names."""
    found = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            before, _, after = status.read_text().rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if int(after.split()[1]) == pid:
            found[int(status.parent.name)] = before.partition("(")[2]
    return found


def errors_and_restarts(url: str) -> tuple[float, float]:
    """How many lines of level error matched so far, and how many containers ended."""
    samples = Samples(requests.get(url, timeout=LIMIT_SECONDS).text)
    return (
        samples.total("digitalocean_app_log_matches_total", level="error"),
        samples.total("digitalocean_app_restarts_total"),
    )


def answer_text(url: str) -> str:
    """The text of a page."""
    return requests.get(url, timeout=LIMIT_SECONDS).text


def answers(url: str) -> bool:
    """Whether a page is there."""
    return requests.get(url, timeout=LIMIT_SECONDS).ok


def test_a_free_port_is_none_that_a_connection_may_take():
    """It lies below those that systems give to outgoing connections."""
    ports = {free_port() for _ in range(100)}
    assert len(ports) > 90
    assert min(ports) >= 10_000
    assert max(ports) < 32_768


@pytest.mark.long(45)
def test_the_demo_shows_errors_and_a_crash_and_ends_whole():
    """Each address that it prints answers, errors and a crash come, Ctrl-C ends every process."""
    with Program("demo", "--web.listen-address=127.0.0.1:0") as program:
        metrics = program.wait_for_output(r"^its metrics +(http://\S+)$")[1]
        page = program.wait_for_output(r"^the exporter's page +(http://\S+)$")[1]
        program.wait_for_output(r"Ctrl-C stops all\.")
        assert "shop" in answer_text(page)
        assert_those_beside_answer(program, page)
        budget = re.search(r"Requests: (\d+) of (\d+) in the last hour", answer_text(page))
        assert budget is not None
        assert int(budget[1]) < int(budget[2]) <= PLATFORM_GRANTS

        children = children_of(program.pid)
        beside = [name for name in ("prometheus", "prometheus-alertmanager") if shutil.which(name)]
        assert len(children) == len(beside)

        wait_for(lambda: min(errors_and_restarts(metrics)), says=lambda: program.output)
        assert program.stop(signal.SIGINT) == 0
        assert [child for child in children if Path(f"/proc/{child}").exists()] == [], children
    assert "Traceback" not in program.output


def assert_those_beside_answer(program: Program, page: str) -> None:
    """Prometheus and Alertmanager answer, whichever user interface their builds have."""
    if shutil.which("prometheus"):
        alerts = program.wait_for_output(r"^Prometheus, alerts +(http://\S+alerts)$")[1]
        assert answers(alerts)
        wait_for(
            lambda: "DoAppExporterAbsent" in answer_text(f"{page}alerts"),
            says=lambda: program.output,
        )
    if shutil.which("prometheus-alertmanager"):
        hint = program.wait_for_output(r"^Alertmanager +(\S.*)$")[1]
        if hint.startswith("amtool "):
            subprocess.run(shlex.split(hint), check=True, capture_output=True)
        else:
            assert answers(hint)
