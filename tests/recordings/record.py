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
from collections.abc import Callable, Iterable, Mapping, Sequence
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
CRATES = {
    **dict.fromkeys(("env_logger", "fern", "log", "pretty_env_logger", "simple_logger"), ""),
    **dict.fromkeys(("simplelog", "slog", "slog-term", "stderrlog", "tracing"), ""),
    "tracing-subscriber": '"json"',
}
"""With the features that are needed."""
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
    prepare: Callable[[], tuple[Sequence[str | Path], str]]


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
    listed = run("dpkg-query", "-W", "-f", "${Package} ${Version}\\n", *packages).splitlines()
    return "\n".join(line for line in listed if not line.startswith("dpkg-query: ")) + "\n"


def with_pypi(folder: Path, packages: Sequence[str]) -> tuple[Path, str]:
    """Return Python in an environment with packages, and the versions."""
    venv.create(folder, with_pip=True)
    binary = folder / "bin" / "python"
    build(binary, "-m", "pip", "install", "--quiet", *packages)
    frozen = [line.split("==") for line in run(binary, "-m", "pip", "freeze").splitlines()]
    wanted = {package.partition("[")[0].lower() for package in packages}
    named = [" ".join(each) for each in frozen if each[0].lower() in wanted]
    return binary, "\n".join([run(binary, "--version"), *named])


def with_npm(folder: Path, program: Path, packages: Sequence[str]) -> tuple[Path, str]:
    """Return a program beside packages for Node.js, and the versions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    shutil.copy(program, folder)
    build("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages, cwd=folder)
    listed = re.findall(r"[\w@./-]+@[\d.]+[\w.-]*", run("npm", "ls", "--depth=0", cwd=folder))
    versions = "\n".join(one[0] + one[1:].replace("@", " ") for one in listed)
    return folder / program.name, f"node {run('node', '--version')}{versions}"


def with_crates(folder: Path, program: Path, crates: Mapping[str, str]) -> tuple[Path, str]:
    """Return a program that is built with the crates of Debian's packages, and the versions.

    Args:
        crates: the features of each, as Cargo.toml has them.
    """
    for part in ("src", ".cargo"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / ".cargo" / "config.toml").write_text(
        f'[source.crates-io]\nreplace-with = "debian"\n[source.debian]\n'
        f'directory = "{DEBIAN_CRATES}"\n'
    )
    needed = "".join(
        f'{crate} = {{ version = "*", features = [{features}] }}\n'
        for crate, features in crates.items()
    )
    (folder / "Cargo.toml").write_text(
        f'[package]\nname = "shop"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n{needed}'
    )
    shutil.copy(program, folder / "src" / "main.rs")
    build("cargo", "build", "--quiet", "--offline", cwd=folder)
    versions = [path.name.rpartition("-") for path in sorted(DEBIAN_CRATES.iterdir())]
    named = "\n".join(f"{name} {version}" for name, _, version in versions if name in crates)
    return folder / "target" / "debug" / "shop", run("rustc", "--version") + named


def with_jars(folder: Path, program: Path, jars: Sequence[str]) -> tuple[Sequence[str | Path], str]:
    """Return what runs a program that is built with the jars of Debian's packages; the version."""
    path = ":".join(str(Path("/usr/share/java") / f"{jar}.jar") for jar in jars)
    build("javac", "-nowarn", "-cp", path, "-d", folder, program)
    version = run("java", "-version").partition("\n")[0]
    return ("java", "-cp", f"{folder}:{path}", program.stem), f"{version}\n"


def with_go(binary: Path, program: Path) -> Path:
    """Return a program that is built with Debian's packages for Go."""
    environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
    build("go", "build", "-o", binary, program, env=environment)
    return binary


def python() -> tuple[Sequence[str | Path], str]:
    binary, versions = with_pypi(BUILD / "python", PYPI)
    return (binary, HERE / "logs.py"), versions


def node() -> tuple[Sequence[str | Path], str]:
    program, versions = with_npm(BUILD / "node", HERE / "logs.mjs", NPM)
    return ("node", program), versions


def go() -> tuple[Sequence[str | Path], str]:
    binary = with_go(BUILD / "go", HERE / "logs.go")
    return (binary,), run("go", "version") + debian(*DEBIAN_GO)


def ruby() -> tuple[Sequence[str | Path], str]:
    versions = debian("ruby-activesupport", "ruby-logging", "ruby-sidekiq")
    return ("ruby", str(HERE / "logs.rb")), run("ruby", "--version") + versions


def elixir() -> tuple[Sequence[str | Path], str]:
    return ("elixir", str(HERE / "logs.exs")), debian("elixir", "erlang-base")


def php() -> tuple[Sequence[str | Path], str]:
    return ("php", str(HERE / "logs.php")), debian(
        *("php-cli", "php-klogger", "php-monolog", "php-symfony-console"),
        "php-symfony-http-kernel",
    )


def erlang() -> tuple[Sequence[str | Path], str]:
    return ("escript", str(HERE / "logs.erl")), debian("erlang-base")


def perl() -> tuple[Sequence[str | Path], str]:
    return ("perl", str(HERE / "logs.pl")), debian("perl", *DEBIAN_PERL)


def java() -> tuple[Sequence[str | Path], str]:
    command, version = with_jars(BUILD / "java", HERE / "Logs.java", JARS)
    return command, version + debian(*DEBIAN_JAVA)


def rust() -> tuple[Sequence[str | Path], str]:
    binary, versions = with_crates(BUILD / "rust", HERE / "logs.rs", CRATES)
    return (binary,), versions


def cpp() -> tuple[Sequence[str | Path], str]:
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


def logged(command: Sequence[str | Path], form: str) -> str:
    """Return what a logger prints.

    Raises:
        MissingPartError: it could not log.
    """
    result = ran(*command, form)
    if (
        result.returncode or not result.stdout.strip() or "\n\tat " in result.stdout
    ):  # Log4j logs on
        raise MissingPartError(last_line(result.stdout))
    return result.stdout


Printed = Callable[[Sequence[str | Path], str], str]
"""Returns what a program prints in a form, or raises ``MissingPartError``."""


def record(language: Language, before: Recording, printed: Printed) -> Recording:
    """Return what a language prints in each form; of those that fail, what they printed before.

    Raises:
        MissingPartError: its program cannot be run at all.
    """
    command, versions = language.prepare()
    named = ran(*command)
    if named.returncode:
        raise MissingPartError(last_line(named.stdout))
    texts, skipped = {}, False
    for form in named.stdout.split():
        try:
            text = printed(command, form).rstrip("\n") + "\n"
        except MissingPartError as error:
            skipped = True
            print(f"  {form} is skipped: {error}")
            if form not in before.printed:
                continue
            text = before.printed[form]
        for place, shown in ((BUILD, "/app"), (HERE, "/app"), (sys.base_prefix, "/usr")):
            text = text.replace(str(place), shown)
        texts[form] = text
    now = _by_first_word(versions.splitlines())
    return Recording({**before.versions, **now} if skipped else now, texts)


def record_all(
    languages: Mapping[str, Language], target: Path, names: Sequence[str], printed: Printed
) -> None:
    """Record the languages that are named, all of them where none is, each in a file."""
    target.mkdir(parents=True, exist_ok=True)
    host = re.compile(rf"\b{re.escape(socket.gethostname())}\b")
    for name, language in languages.items():
        if names and name not in names:
            continue
        path = target / f"{name}.txt"
        if shutil.which(language.program) is None:
            print(f"{name}: {language.program} is not installed, so its recording stays")
            continue
        try:
            recording = record(language, Recording.read(path), printed)
        except MissingPartError as error:
            print(f"{name}: its program cannot be run, so its recording stays: {error}")
            continue
        path.write_text(host.sub("web-0", recording.text()))
        print(f"{name}: {len(recording.printed)} forms")


if __name__ == "__main__":
    record_all(LANGUAGES, TARGET, sys.argv[1:], logged)
