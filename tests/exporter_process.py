"""The installed command as a process of its own: started, scraped and ended by whole-program tests.

Nothing here knows the inside of the program: a configuration goes in, log lines, metrics and an
exit code come out.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Self

import requests
import warm_start
import yaml
from prometheus_client.parser import text_string_to_metric_families
from waiting import LIMIT_SECONDS, last_lines, wait_for

COMMAND = Path(sys.executable).with_name("do-app-exporter")
"""The command, installed beside the Python that runs the tests."""

CACHE = Path(__file__).parents[1] / "build" / "cache"
"""Where the program may keep what takes long to compile: not in the home of who runs the tests."""

PACKS = {"packs": ["default"]}
"""The section ``patterns`` of tests that are about the rules that ship."""

_LISTENING = r"addresses=(\S+)"


def environment(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would steer the program, and with ``variables``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DIGITALOCEAN_", "DO_APP_EXPORTER_"))
    }
    ours = {"NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1", "XDG_CACHE_HOME": str(CACHE)}
    return {**kept, **ours, **(variables or {})}


def run_command(
    *arguments: str,
    variables: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    installed: bool = False,
    program: Sequence[str] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself; return its exit code and what it printed.

    Args:
        installed: start it by the installed command, not without what loading it costs.
        program: another program that is started instead.
    """
    with TemporaryFile() as given, TemporaryFile() as printed, TemporaryFile() as complaints:
        given.write(stdin)
        given.seek(0)
        streams = (given.fileno(), printed.fileno(), complaints.fileno())
        started: subprocess.Popen[bytes] | warm_start.Forked
        if installed or program or not _warm(variables):
            command = [*(program or (str(COMMAND),)), *arguments]
            env = environment(variables)
            started = subprocess.Popen(
                command, env=env, stdin=streams[0], stdout=streams[1], stderr=streams[2]
            )
        else:
            started = warm_start.start_on(arguments, environment(variables), streams)
        try:
            code = started.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            raise
        texts = []
        for file in (printed, complaints):
            file.seek(0)
            texts.append(file.read().decode())
    return subprocess.CompletedProcess(arguments, code, *texts)


def _warm(variables: Mapping[str, str] | None) -> bool:
    """Whether a process that has loaded the program can run it with these variables."""
    return warm_start.AVAILABLE and all(
        name.startswith(warm_start.OWN_VARIABLES) for name in variables or {}
    )


class NoSeries(AssertionError):
    """A test asked for the value of a series that a scrape does not have."""


class Samples:
    """One scrape; a metric is parsed once it is asked for, since most tests ask for a few of many.

    ``tests/test_exposition.py`` holds that each whole scrape can be parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: dict[str, list[str]] | None = None
        self._samples: dict[str, list[tuple[dict[str, str], float]]] = {}

    def series(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """The series of a metric that have these labels, with their values."""
        if name not in self._samples:
            self._samples[name] = [
                (sample.labels, sample.value)
                for family in text_string_to_metric_families("\n".join(self._lines_of(name)))
                for sample in family.samples
            ]
        return [
            (found, value)
            for found, value in self._samples[name]
            if labels.items() <= found.items()
        ]

    def value(self, name: str, **labels: str) -> float:
        """The value of the one series that has these labels; ``NoSeries`` if there is none."""
        found = self.series(name, **labels)
        if not found:
            raise NoSeries(f"no series {name} with {labels}")
        assert len(found) == 1, f"{len(found)} series {name} with {labels}"
        return found[0][1]

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels; 0 if there is none."""
        return sum(value for _, value in self.series(name, **labels))

    def _lines_of(self, name: str) -> list[str]:
        if self._lines is None:
            self._lines = {}
            for line in self.text.split("\n"):
                self._lines.setdefault(line.partition(" ")[0].partition("{")[0], []).append(line)
        return self._lines.get(name, [])


class Program:
    """A process of the command, whatever it runs; a context manager that leaves none behind."""

    def __init__(self, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        self._arguments = arguments
        self._variables = dict(variables or {})
        self._process: subprocess.Popen[str] | warm_start.Forked | None = None
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self.process.pid

    @property
    def process(self) -> "subprocess.Popen[str] | warm_start.Forked":
        """The process; it has to have been started."""
        assert self._process is not None
        return self._process

    @property
    def output(self) -> str:
        """All that was printed and logged so far."""
        with self._news:
            return "".join(self._lines)

    def wait_for_output(self, pattern: str, timeout: float = LIMIT_SECONDS) -> re.Match[str]:
        """Return the first match of ``pattern`` (multi-line) in the output, once there is one."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            match = re.search(pattern, "".join(self._lines), re.MULTILINE)
            found.extend([match] if match else [])
            return bool(found) or self._ended

        with self._news:
            self._news.wait_for(look, timeout)
        assert found, f"no {pattern!r} in the output:\n{self.output}"
        return found[0]

    def send_signal(self, number: int) -> None:
        """Send a signal without waiting for what it does."""
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code once the process has ended and all was read."""
        self.send_signal(number)
        return self.wait()

    def terminate(self) -> int:
        """End the process as a service manager does; return the exit code."""
        return self.stop(signal.SIGTERM)

    def wait(self, timeout: float = LIMIT_SECONDS) -> int:
        """Return the exit code once the process has ended and its output was read."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {timeout} s:\n{self.output}") from None
        self._reader.join(timeout)
        return code

    def __enter__(self) -> Self:
        self._process = self._start()
        self._reader.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join()

    def _start(self) -> "subprocess.Popen[str] | warm_start.Forked":
        return subprocess.Popen(
            [str(COMMAND), *self._arguments],
            env=environment(self._variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


class ExporterProcess(Program):
    """The command ``run`` on a configuration of its own and a free port.

    Args:
        folder: where the configuration file goes.
        config: the configuration as YAML would give it.
        token: the API token, in ``DIGITALOCEAN_TOKEN``; None leaves the variable out.
        arguments: more flags.
        installed: start it by the installed command, not without what loading it costs.
    """

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        *,
        token: str | None,
        arguments: Sequence[str] = (),
        installed: bool = False,
    ) -> None:
        self.config = dict(config)
        self._installed = installed
        file = folder / "config.yml"
        file.write_text(yaml.safe_dump(dict(config)))
        super().__init__(
            f"--config.file={file}",
            "--web.listen-address=127.0.0.1:0",
            *arguments,
            variables={} if token is None else {"DIGITALOCEAN_TOKEN": token},
        )
        self.url = ""
        self._session = requests.Session()
        self._session.trust_env = False

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.url = f"http://{self.wait_for_output(_LISTENING)[1]}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._session.close()
        super().__exit__(*raised)

    def _start(self) -> "subprocess.Popen[str] | warm_start.Forked":
        if _warm(self._variables) and not self._installed:
            return warm_start.start([*self._arguments], environment(self._variables))
        return super()._start()

    def get(self, path: str, **headers: str) -> requests.Response:
        """The answer to a GET of a path, with these headers."""
        return self._session.get(self.url + path, headers=headers, timeout=LIMIT_SECONDS)

    def metrics(self) -> Samples:
        """Scrape once."""
        answer = self.get("/metrics")
        assert answer.status_code == 200
        return Samples(answer.text)

    def wait_until(
        self, predicate: Callable[[Samples], bool], timeout: float = LIMIT_SECONDS
    ) -> Samples:
        """Scrape until ``predicate`` holds, and return that scrape.

        A predicate that asks for the value of a series does not hold before there is one.
        """
        lacks = ""

        def look() -> Samples | None:
            nonlocal lacks
            samples = self.metrics()
            try:
                held, lacks = predicate(samples), ""
            except NoSeries as missing:
                held, lacks = False, f"{missing}; "
            return samples if held else None

        samples = wait_for(look, timeout, lambda: lacks + last_lines(self.output))
        assert samples is not None
        return samples

    def wait_until_ready(self, timeout: float = LIMIT_SECONDS) -> Samples:
        """Return a scrape from after the first read of every log."""
        return self.wait_until(lambda _: self.get("/-/ready").status_code == 200, timeout)


def simulated(api_url: str, **sections: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration that reads the simulator every second, with sections laid over it.

    It has no rules that ship, whose compiling is a third of a start; see ``PACKS``.
    """
    config: dict[str, Any] = {
        "digitalocean": {"api_url": api_url},
        "discovery": {"interval": "1s"},
        "logs": {"interval": "1s"},
        "api_budget": {"per_hour": 1_000_000, "per_minute": 100_000},
        "patterns": {"packs": []},
    }
    for name, section in sections.items():
        config[name] = {**config.get(name, {}), **section}
    return config
