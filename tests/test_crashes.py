"""Programs that really die, and the reason that `restarts_total` gives for it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from collect_fixtures import IDENTITY, KEY, RESTARTED, RUN, WEB, Site, line
from crashing_programs import CRASHING_PROGRAMS, CrashingProgram
from programs import requires
from waiting import LIMIT_SECONDS

from exporter.logs.restarts.exit_account import GRACE_SECONDS
from exporter.model import LIVE_PART, LogChunk, RestartReason, Source
from exporter.reading.reading import Reading

TOOLS = (
    "sh",
    "go",
    "node",
    "ruby",
    "php",
    "java",
    "elixir",
    "escript",
    "perl",
    "rustc",
    "g++",
    "deno",
    "bun",
)

SECONDS = LIMIT_SECONDS
"""What no program here takes by far; `go run` compiles its library first."""


def last_words(program: CrashingProgram, folder: Path) -> list[str]:
    """Run the program to its end; returns the lines that it printed."""
    (folder / program.file).write_text(program.text)
    tools = {str(Path(found).parent) for word in TOOLS if (found := shutil.which(word))}
    done = subprocess.run(
        [*program.command, program.file],
        cwd=folder,
        env={
            "PATH": ":".join(sorted(tools)),
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup")),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode != 0) is program.dies, done.stdout
    return done.stdout.decode("utf-8", "replace").splitlines()


def counted_reasons(messages: list[str]) -> dict[str, float]:
    """What `restarts_total` shows once RUN_RESTARTED has these lines of one container.

    No exit line follows in RUN.
    """
    site = Site(rules=())
    site.series.open_component(KEY, WEB)
    ended = b"".join(line(second / 100, message) for second, message in enumerate(messages))
    _read(site, RUN, line(60, "listening on :8080"))
    _read(site, RESTARTED, ended)
    site.clock.now += GRACE_SECONDS
    _read(site, RUN, line(60, "listening on :8080"))
    values = {
        reason.value: site.value("restarts_total", **IDENTITY, reason=reason.value)
        for reason in RestartReason
    }
    return {reason: value for reason, value in values.items() if value}


def _read(site: Site, source: Source, text: bytes) -> None:
    reading = Reading(site.pipeline, source, WEB, "d1", tail_lines=1000, from_first_line=True)
    reading.feed(LogChunk(text, LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()


def marks(program: CrashingProgram) -> tuple[pytest.MarkDecorator, ...]:
    """What skips the program where its runtime is missing; Python and shells never are."""
    return (requires(program.runtime),) if program.runtime else ()


CASES = [pytest.param(p, id=str(p), marks=marks(p)) for p in CRASHING_PROGRAMS]


@pytest.mark.parametrize("program", CASES)
def test_a_restart_has_the_reason_that_the_program_died_of(
    program: CrashingProgram, tmp_path: Path
):
    """What a program prints when it dies counts one restart, with its own reason."""
    printed = last_words(program, tmp_path)
    assert counted_reasons(["GET / 200", "GET /health 200", *printed]) == {program.reason: 1}, (
        printed
    )


def test_every_reason_that_words_can_give_is_died_of():
    """No reason of the metric lacks a program that dies of it."""
    assert {program.reason for program in CRASHING_PROGRAMS} == set(RestartReason)
