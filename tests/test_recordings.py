"""Recordings of loggers are made again without losing those that cannot be run."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "recordings"))

import record  # noqa: E402

PROGRAM = """
import sys
forms = {"one": "order one", "two": "order two"}
if len(sys.argv) == 1:
    print("\\n".join(forms))
elif sys.argv[1] in %r:
    raise ImportError("no module named " + sys.argv[1])
else:
    print(forms[sys.argv[1]], "again")
"""

BEFORE = "# python 3.1\n# shop 1.0\n=== one\norder one\n=== two\norder two\n=== three\nold\n"


def language(tmp_path: Path, broken: Sequence[str]) -> record.Language:
    program = tmp_path / "logs.py"
    program.write_text(PROGRAM % (list(broken),))
    return record.Language(sys.executable, lambda: ((sys.executable, str(program)), "python 3.2"))


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., str]:
    """Record a language that has a recording; returns what is kept of it."""

    def run(*broken: str, prepare: Callable[[], object] | None = None) -> str:
        made = language(tmp_path, broken)
        if prepare is not None:
            made = made._replace(prepare=prepare)
        (tmp_path / "shop.txt").write_text(BEFORE)
        record.record_all({"shop": made}, tmp_path, (), record.logged)
        return (tmp_path / "shop.txt").read_text()

    return run


def test_what_is_printed_now_takes_the_place_of_what_was_printed(recorded: Callable[..., str]):
    """Loggers that are no longer run are left out."""
    text = "# python 3.2\n=== one\norder one again\n=== two\norder two again\n"
    assert recorded() == text


def test_a_logger_that_cannot_be_run_keeps_what_it_printed(
    recorded: Callable[..., str], capsys: pytest.CaptureFixture[str]
):
    """It is named with its error, and the versions from which it is stay."""
    text = "# python 3.2\n# shop 1.0\n=== one\norder one again\n=== two\norder two\n"
    assert recorded("two") == text
    assert "  two is skipped: ImportError: no module named two\n" in (capsys.readouterr().out)


def test_a_language_whose_program_cannot_be_made_keeps_its_recording(
    recorded: Callable[..., str], capsys: pytest.CaptureFixture[str]
):
    """As where one of many libraries is missing that a program is built with."""

    def prepare() -> object:
        raise record.MissingPartError("no package zap")

    assert recorded(prepare=prepare) == BEFORE
    assert capsys.readouterr().out == (
        "shop: its program cannot be run, so its recording stays: no package zap\n"
    )
