"""Runs real loggers at each of their levels and keeps what they print, for ``make recordings``.

One program per language (``logs.*``) logs the orders one to five at debug, info, warning, error and
critical, as far as a logger has them, with the logger or layout that it is given by name. What they
print stands in ``tests/testdata/recordings``, under the versions that printed it;
``tests/test_recorded_loggers.py`` reads it. What is not installed keeps what it printed before: a
language without its program or a library that its program is built with, a logger alone.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TARGET = HERE.parent / "testdata" / "recordings"
BUILD = HERE.parent.parent / "build" / "recordings"

PYPI = (
    *("absl-py", "aws-lambda-powertools", "celery", "coloredlogs", "colorlog", "daiquiri"),
    *("django", "dramatiq", "ecs-logging", "flask", "google-cloud-logging", "gunicorn"),
    *("hypercorn", "json-log-formatter", "logbook", "logfmter", "loguru", "opentelemetry-sdk"),
    *("oslo.log", "python-json-logger", "rich", "sanic", "scrapy", "structlog", "tornado"),
    *("twisted", "uvicorn"),
)
NPM = (
    *("@elastic/ecs-pino-format", "@elastic/ecs-winston-format", "@logtape/logtape"),
    *(
        "@nestjs/common",
        "@nestjs/core",
        "bunyan",
        "captains-log",
        "consola",
    ),
    *("egg-logger", "fastify", "lambda-log", "log4js", "loglevel"),
    *("loglevel-plugin-prefix", "moleculer", "nest-winston", "npmlog", "pino", "pino-pretty"),
    *("reflect-metadata", "roarr", "rxjs", "signale", "tracer", "tslog", "winston"),
)
DEBIAN_GO = (
    *("golang-github-apex-log-dev", "golang-github-go-kit-kit-dev", "golang-glog-dev"),
    *("golang-github-hashicorp-go-hclog-dev", "golang-github-inconshreveable-log15-dev"),
    *("golang-github-rs-zerolog-dev", "golang-github-sirupsen-logrus-dev"),
    *("golang-go.uber-zap-dev", "golang-k8s-klog-dev"),
)
DEBIAN_JAVA = (
    *("libcommons-logging-java", "libjackson2-databind-java", "libjboss-logging-java"),
    *("liblog4j1.2-java", "liblog4j2-java", "liblogback-java", "libslf4j-java"),
)
JARS = (
    *("commons-logging", "jackson-annotations", "jackson-core", "jackson-databind"),
    *("jboss-logging", "log4j-1.2", "log4j-api", "log4j-core", "logback-classic"),
    *("logback-core", "slf4j-api", "slf4j-simple"),
)
DEBIAN_PERL = (
    *("libcatalyst-perl", "libdancer2-perl", "liblog-any-perl", "liblog-dispatch-perl"),
    *("liblog-log4perl-perl", "libmojolicious-perl"),
)
CRATES = (
    *("env_logger", "fern", "log", "pretty_env_logger", "simple_logger", "simplelog", "slog"),
    *("slog-term", "stderrlog", "tracing", "tracing-subscriber"),
)
DEBIAN_CRATES = Path("/usr/share/cargo/registry")
DEBIAN_CPP = (
    *("libboost-log1.74-dev", "libgoogle-glog-dev", "liblog4cplus-dev", "libpoco-dev"),
    "libspdlog-dev",
)
CPP_LIBRARIES = (
    *("-lboost_log", "-lboost_thread", "-lfmt", "-lglog", "-llog4cplus", "-lPocoFoundation"),
    *("-lspdlog", "-pthread"),
)


class Language(NamedTuple):
    """A program that logs.

    Args:
        program: has to be installed.
        prepare: installs what it needs; returns the command that runs it, and the versions.
    """

    program: str
    prepare: Callable[[], tuple[Sequence[str], str]]


class MissingPartError(Exception):
    """A program could not be prepared."""


def ran(*command: str | Path, **options: object) -> "subprocess.CompletedProcess[str]":
    """Run a command; what it printed to either stream is in ``stdout``."""
    return subprocess.run(  # type: ignore[no-any-return, call-overload]
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )


def run(*command: str | Path, **options: object) -> str:
    return ran(*command, **options).stdout


def build(*command: str | Path, **options: object) -> None:
    """Run a command on which all else depends.

    Raises:
        MissingPartError: it failed.
    """
    if (result := ran(*command, **options)).returncode:
        raise MissingPartError(last_line(result.stdout))


def last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "nothing")


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
    build("go", "build", "-o", binary, HERE / "logs.go", env=environment)
    return (str(binary),), run("go", "version") + debian(*DEBIAN_GO)


def ruby() -> tuple[Sequence[str], str]:
    versions = debian("ruby-activesupport", "ruby-logging", "ruby-sidekiq")
    return ("ruby", str(HERE / "logs.rb")), run("ruby", "--version") + versions


def elixir() -> tuple[Sequence[str], str]:
    return ("elixir", str(HERE / "logs.exs")), debian("elixir", "erlang-base")


def php() -> tuple[Sequence[str], str]:
    return ("php", str(HERE / "logs.php")), debian(
        *("php-cli", "php-klogger", "php-monolog", "php-symfony-console"),
        "php-symfony-http-kernel",
    )


def erlang() -> tuple[Sequence[str], str]:
    return ("escript", str(HERE / "logs.erl")), debian("erlang-base")


def perl() -> tuple[Sequence[str], str]:
    return ("perl", str(HERE / "logs.pl")), debian("perl", *DEBIAN_PERL)


def java() -> tuple[Sequence[str], str]:
    folder = BUILD / "java"
    path = ":".join(str(Path("/usr/share/java") / f"{jar}.jar") for jar in JARS)
    build("javac", "-nowarn", "-cp", path, "-d", folder, HERE / "Logs.java")
    version = run("java", "-version").partition("\n")[0]
    return ("java", "-cp", f"{folder}:{path}", "Logs"), f"{version}\n" + debian(*DEBIAN_JAVA)


def rust() -> tuple[Sequence[str], str]:
    """Crates are taken from where Debian's packages put them."""
    folder = BUILD / "rust"
    for part in ("src", ".cargo"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / ".cargo" / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "debian"\n[source.debian]\n'
        f'directory = "{DEBIAN_CRATES}"\n'
    )
    crates = "".join(f'{crate} = {{ version = "*" }}\n' for crate in CRATES[:-1])
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "logs"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{crates}'
        f'{CRATES[-1]} = {{ version = "*", features = ["json"] }}\n'
    )
    shutil.copy(HERE / "logs.rs", folder / "src" / "main.rs")
    build("cargo", "build", "--quiet", "--offline", cwd=folder)
    versions = [path.name.rpartition("-") for path in sorted(DEBIAN_CRATES.iterdir())]
    named = "\n".join(f"{name} {version}" for name, _, version in versions if name in CRATES)
    return (str(folder / "target" / "debug" / "logs"),), run("rustc", "--version") + named


def cpp() -> tuple[Sequence[str], str]:
    binary = BUILD / "cpp"
    defined = ("-DBOOST_LOG_DYN_LINK", "-DSPDLOG_FMT_EXTERNAL")
    build("g++", "-std=c++17", *defined, HERE / "logs.cpp", "-o", binary, *CPP_LIBRARIES)
    return (str(binary),), run("g++", "--version").partition("\n")[0] + "\n" + debian(*DEBIAN_CPP)


LANGUAGES = {
    "python": Language(sys.executable, python),
    "node": Language("npm", node),
    "go": Language("go", go),
    "ruby": Language("ruby", ruby),
    "elixir": Language("elixir", elixir),
    "php": Language("php", php),
    "erlang": Language("escript", erlang),
    "perl": Language("perl", perl),
    "java": Language("javac", java),
    "rust": Language("cargo", rust),
    "cpp": Language("g++", cpp),
}


class Recording(NamedTuple):
    """What the loggers of a language printed, by name, and the versions by the first word."""

    versions: dict[str, str]
    printed: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Recording":
        """Return what a file holds; nothing if it is not there."""
        text = path.read_text() if path.exists() else ""
        head, *parts = re.split(r"^=== (\w+)\n", text, flags=re.MULTILINE)
        versions = _by_first_word(line.removeprefix("# ") for line in head.splitlines())
        return cls(versions, dict(zip(parts[::2], parts[1::2], strict=True)))

    def text(self) -> str:
        """Return it as it is kept."""
        versions = "".join(f"# {version}\n" for version in self.versions.values())
        return versions + "".join(f"=== {name}\n{text}" for name, text in self.printed.items())


def _by_first_word(lines: Iterable[str]) -> dict[str, str]:
    return {line.split()[0]: line for line in lines if line}


def record(language: Language, before: Recording) -> Recording:
    """Return what each logger of a language prints; of those that fail, what they printed before.

    Raises:
        MissingPartError: the program that logs cannot be run at all.
    """
    command, versions = language.prepare()
    named = ran(*command)
    if named.returncode:
        raise MissingPartError(last_line(named.stdout))
    printed, skipped = {}, False
    for form in named.stdout.split():
        result = ran(*command, form)
        text = result.stdout.rstrip("\n") + "\n"
        if result.returncode or not text.strip() or "\n\tat " in text:  # Log4j logs on
            skipped = True
            print(f"  {form} is skipped, it could not log: {last_line(text)}")
            if form not in before.printed:
                continue
            text = before.printed[form]
        printed[form] = text.replace(str(BUILD), "/app").replace(str(HERE), "/app")
    now = _by_first_word(versions.splitlines())
    return Recording({**before.versions, **now} if skipped else now, printed)


def main(names: Sequence[str]) -> None:
    """Record the languages that are named, all of them where none is."""
    TARGET.mkdir(parents=True, exist_ok=True)
    host = re.compile(rf"\b{re.escape(socket.gethostname())}\b")
    for name, language in LANGUAGES.items():
        if names and name not in names:
            continue
        path = TARGET / f"{name}.txt"
        if shutil.which(language.program) is None:
            print(f"{name}: {language.program} is not installed, so its recording stays")
            continue
        try:
            recording = record(language, Recording.read(path))
        except MissingPartError as error:
            print(f"{name}: its program cannot be run, so its recording stays: {error}")
            continue
        path.write_text(host.sub("web-0", recording.text()))
        print(f"{name}: {len(recording.printed)} loggers")


if __name__ == "__main__":
    main(sys.argv[1:])
