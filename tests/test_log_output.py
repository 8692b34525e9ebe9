"""The program's own log: one line an event, that can be read back, and no traceback unasked."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.log_output import FORMATS, LEVELS, JsonFormatter, LogfmtFormatter, configure_logging

PAIR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)(?: |$)')
NASTY = 'a "b" \\ \n\r\t\x00\x1b[31m\x7f\x85\u2028\u200b\U000e0001 é 界 = '


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("exporter.x", logging.INFO, __file__, 1, message, (), None)
    made.created = 1_793_491_200.25
    made.fields = fields
    return made


def read_logfmt(text: str) -> dict[str, str]:
    """The pairs of a line, by a reader that knows JSON's escapes, as logfmt readers do."""
    assert PAIR.sub("", text) == ""
    return {
        key: json.loads(value) if value.startswith('"') else value
        for key, value in PAIR.findall(text)
    }


def logfmt(message: str, **fields: object) -> str:
    return LogfmtFormatter(tracebacks=False).format(record(message, **fields))


@pytest.fixture
def loggers() -> Iterator[None]:
    """Leaves the root logger as it found it."""
    root, own = logging.getLogger(), logging.getLogger("exporter")
    before = (root.handlers, root.level, own.level)
    yield
    root.handlers, root.level, own.level = before
    root.manager._clear_cache()


@given(st.text(), st.text(min_size=1))
@example(NASTY, NASTY)
@example("", " ")
@example("\\n", "\\u0000")
def test_logfmt_can_be_read_back(message: str, value: str):
    """Any text comes back as it was, from one line of printable characters."""
    text = logfmt(message, source=value)
    assert text.isprintable()
    assert read_logfmt(text) == {
        "ts": "2026-11-01T00:00:00.250Z",
        "level": "info",
        "msg": message,
        "source": value,
    }


@given(st.text(), st.text(min_size=1))
@example(NASTY, NASTY)
def test_json_can_be_read_back(message: str, value: str):
    """Any text comes back as it was, from one line of printable characters."""
    text = JsonFormatter(tracebacks=False).format(record(message, source=value))
    assert text.isprintable()
    assert json.loads(text) == {
        "ts": "2026-11-01T00:00:00.250Z",
        "level": "info",
        "msg": message,
        "source": value,
    }


def test_half_a_surrogate_pair_can_be_written():
    """A file name that is no UTF-8 does not break the log."""
    assert "\\udcff" in logfmt("file\udcff")
    logfmt("file\udcff").encode()
    JsonFormatter(tracebacks=False).format(record("file\udcff")).encode()


def test_plain_words_are_not_quoted():
    """Quotes stand only where they are needed; letters of any language need none."""
    text = logfmt("ready", app="café", source="shop/web RUN", empty="", number=3)
    assert text == (
        'ts=2026-11-01T00:00:00.250Z level=info msg=ready app=café source="shop/web RUN" number=3'
    )


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("level", LEVELS)
def test_no_secret_of_an_exception_is_logged(loggers: None, form: str, level: str):
    """What nobody foresaw may hold anything, such as the URL of a log or the API token."""
    stream = io.StringIO()
    configure_logging(level, form, stream)
    url = "wss://logs.example/live?token=live-credential-4711"
    try:
        raise ValueError(f"cannot open {url}\nwith dop_v1_{'0a' * 32}")
    except ValueError:
        logging.getLogger("exporter.test").exception("failed")
    (text,) = stream.getvalue().splitlines()
    assert "ValueError: cannot open wss://logs.example/live?token" in text
    assert "4711" not in text
    assert "0a0a" not in text


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("level", LEVELS)
def test_traceback_only_when_debugging(loggers: None, form: str, level: str):
    """An exception is one line: its type and text, and at debug where it came from."""
    stream = io.StringIO()
    configure_logging(level, form, stream)
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("exporter.test").exception("failed")
    (text,) = stream.getvalue().splitlines()
    pairs = read_logfmt(text) if form == "logfmt" else json.loads(text)
    assert pairs["error"] == "ValueError: two\nlines"
    assert pairs["level"] == "error"
    assert ("traceback" in pairs) is (level == "debug")
    if level == "debug":
        assert "test_log_output.py" in pairs["traceback"]


def test_levels_choose_what_is_written(loggers: None):
    """The program's own log by the level, that of libraries from a warning on."""
    stream = io.StringIO()
    configure_logging("warning", "logfmt", stream)
    logging.getLogger("exporter.test").info("no")
    logging.getLogger("exporter.test").warning("yes")
    configure_logging("debug", "logfmt", stream)
    logging.getLogger("exporter.test").debug("detail")
    logging.getLogger("urllib3.test").info("GET /?token=secret")
    logging.getLogger("urllib3.test").warning("library")
    found = [read_logfmt(line)["msg"] for line in stream.getvalue().splitlines()]
    assert found == ["yes", "detail", "library"]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "form", "no_color", "coloured"),
    [
        (Terminal(), "logfmt", "", True),
        (Terminal(), "logfmt", "1", False),
        (Terminal(), "json", "", False),
        (io.StringIO(), "logfmt", "", False),
    ],
)
def test_colours_are_for_warnings_on_a_terminal_alone(
    loggers: None,
    monkeypatch: pytest.MonkeyPatch,
    stream: io.StringIO,
    form: str,
    no_color: str,
    coloured: bool,
):
    """A pipe, a file, JSON and NO_COLOR have none; what is no warning has none anywhere."""
    monkeypatch.setenv("NO_COLOR", no_color)
    configure_logging("info", form, stream)
    logging.getLogger("exporter.x").info("all is well")
    logging.getLogger("exporter.x").warning("not so well")
    quiet, loud = stream.getvalue().splitlines()
    assert "\x1b" not in quiet
    assert loud.startswith("\x1b[33m") == loud.endswith("\x1b[0m") == coloured
