"""The installed exporter as a process: scraped, and asked what it takes of the machine."""

import gzip
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from exporter.commands.children import running

_COMMAND = Path(sys.executable).with_name("do-app-exporter")
_START_SECONDS = 180.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Scrape:
    """One answer, when it came (Unix seconds), and how many seconds it took."""

    text: str
    at: float
    seconds: float

    @property
    def series(self) -> int:
        """How many there are."""
        return sum(not line.startswith("#") for line in self.text.splitlines())

    def total(self, name: str, labels: str = "") -> float:
        """The sum of the series of a metric whose labels hold ``labels``, as they are written."""
        found = re.findall(rf"^{name}\{{(.*)\}} (\S+)$", self.text, re.MULTILINE)
        return sum(float(value) for written, value in found if labels in written)


@contextmanager
def running_exporter(config: Path) -> Iterator["Exporter"]:
    """Run the installed command on a configuration, until the block ends."""
    log = config.with_name("log")
    command = ["env", "NO_PROXY=127.0.0.1", str(_COMMAND), f"--config.file={config}"]
    with running(command, log) as process, requests.Session() as session:
        session.trust_env = False
        yield Exporter(process, session, log)


class Exporter:
    """A running one."""

    def __init__(
        self, process: subprocess.Popen[bytes], session: requests.Session, log: Path
    ) -> None:
        self._process = process
        self._session = session
        self._log = log
        self._url = ""

    def wait_until_ready(self) -> float:
        """Return after how many seconds each stream and each other log was tried once."""
        began = time.monotonic()
        while time.monotonic() - began < _START_SECONDS:
            if self._process.poll() is not None:
                break
            found = re.search(r"addresses=(\S+)", self._log.read_text())
            if found is not None:
                self._url = f"http://{found[1]}"
                if self._session.get(f"{self._url}/-/ready", timeout=10).status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.1)
        raise SystemExit(f"the exporter does not become ready:\n{self._log.read_text()[-2000:]}")

    def scrape(self) -> Scrape:
        """Ask for all metrics, as Prometheus does; unpacking them is not in its seconds."""
        began = time.monotonic()
        headers = {"Accept-Encoding": "gzip"}
        url = f"{self._url}/metrics"
        with self._session.get(url, headers=headers, stream=True, timeout=30) as answer:
            packed = answer.raw.read()
        seconds, at = time.monotonic() - began, time.time()
        return Scrape(gzip.decompress(packed).decode(), at, seconds)

    def kill(self) -> None:
        """End it as a crash does."""
        self._process.kill()

    def cpu_seconds(self) -> float:
        """What all its threads have used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def megabytes(self, name: str) -> float:
        """``VmRSS``, what is resident now, or ``VmHWM``, the most that ever was."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024 / 1e6
