"""Runs real loggers at each of their levels and keeps what they print, for ``make recordings``.

One program per language (``logs.*``) logs the orders one to five at debug, info, warning, error and
critical, as far as a logger has them, with the logger or layout that it is given by name. What they
print stands in ``tests/testdata/recordings``, under the versions that printed it;
``tests/test_recorded_loggers.py`` reads it. Languages that are not installed keep what they had.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TARGET = HERE.parent / "testdata" / "recordings"
BUILD = HERE.parent.parent / "build" / "recordings"

PYPI = (
    *("absl-py", "celery", "coloredlogs", "colorlog", "django", "ecs-logging", "flask"),
    *("gunicorn", "hypercorn", "json-log-formatter", "logbook", "logfmter", "loguru"),
    *("python-json-logger", "rich", "sanic", "structlog", "tornado", "twisted", "uvicorn"),
)
NPM = (
    *("@elastic/ecs-pino-format", "@nestjs/common", "@nestjs/core", "bunyan", "consola", "fastify"),
    *("lambda-log", "log4js", "npmlog", "pino", "pino-pretty", "reflect-metadata", "roarr", "rxjs"),
    *("signale", "tracer", "tslog", "winston"),
)
DEBIAN_GO = (
    *("golang-github-apex-log-dev", "golang-github-go-kit-kit-dev", "golang-glog-dev"),
    *("golang-github-hashicorp-go-hclog-dev", "golang-github-inconshreveable-log15-dev"),
    *(
        "golang-github-rs-zerolog-dev",
        "golang-github-sirupsen-logrus-dev",
        "golang-go.uber-zap-dev",
    ),
    "golang-k8s-klog-dev",
)


class Language(NamedTuple):
    """A program that logs.

    Args:
        program: has to be installed.
        prepare: installs what it needs; returns the command that runs it, and the versions.
    """

    program: str
    prepare: Callable[[], tuple[Sequence[str], str]]


def run(*command: str | Path, **options: object) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,  # type: ignore[call-overload]
    )
    return str(result.stdout)


def debian(*packages: str) -> str:
    """Return the versions of Debian's packages."""
    return run("dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *packages)


def python() -> tuple[Sequence[str], str]:
    folder = BUILD / "python"
    venv.create(folder, with_pip=True)
    binary = folder / "bin" / "python"
    print(run(binary, "-m", "pip", "install", "--quiet", *PYPI))
    frozen = run(binary, "-m", "pip", "freeze").splitlines()
    named = [line.replace("==", " ") for line in frozen if line.partition("==")[0].lower() in PYPI]
    return (str(binary), str(HERE / "logs.py")), "\n".join([run(binary, "--version"), *named])


def node() -> tuple[Sequence[str], str]:
    folder = BUILD / "node"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    shutil.copy(HERE / "logs.mjs", folder)
    print(run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NPM, cwd=folder))
    listed = re.findall(r"[\w@./-]+@[\d.]+[\w.-]*", run("npm", "ls", "--depth=0", cwd=folder))
    versions = "\n".join(one[0] + one[1:].replace("@", " ") for one in listed)
    return ("node", str(folder / "logs.mjs")), f"node {run('node', '--version')}{versions}"


def go() -> tuple[Sequence[str], str]:
    binary = BUILD / "go"
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
    print(run("go", "build", "-o", binary, HERE / "logs.go", env=environment))
    return (str(binary),), run("go", "version") + debian(*DEBIAN_GO)


def ruby() -> tuple[Sequence[str], str]:
    return ("ruby", str(HERE / "logs.rb")), run("ruby", "--version")


def elixir() -> tuple[Sequence[str], str]:
    return ("elixir", str(HERE / "logs.exs")), debian("elixir", "erlang-base")


def php() -> tuple[Sequence[str], str]:
    return ("php", str(HERE / "logs.php")), debian("php-cli", "php-monolog")


LANGUAGES = {
    "python": Language(sys.executable, python),
    "node": Language("npm", node),
    "go": Language("go", go),
    "ruby": Language("ruby", ruby),
    "elixir": Language("elixir", elixir),
    "php": Language("php", php),
}


def record(language: Language) -> str:
    """Return what each logger of a language prints, under the versions."""
    command, versions = language.prepare()
    lines = [f"# {version}" for version in versions.splitlines() if version]
    for form in run(*command).split():
        lines += [f"=== {form}", run(*command, form).rstrip("\n")]
    text = "\n".join(lines) + "\n"
    return text.replace(str(BUILD), "/app").replace(str(HERE), "/app")


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    host = re.compile(rf"\b{re.escape(socket.gethostname())}\b")
    for name, language in LANGUAGES.items():
        if shutil.which(language.program) is None:
            print(f"{name}: {language.program} is not installed, so its recording stays")
            continue
        text = host.sub("web-0", record(language))
        (TARGET / f"{name}.txt").write_text(text)
        print(f"{name}: {text.count('=== ')} loggers")


if __name__ == "__main__":
    main()
