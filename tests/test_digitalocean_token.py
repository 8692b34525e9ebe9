"""Token sources: when they read again, and what they do when they cannot."""

import os
from pathlib import Path

import pytest
from digitalocean_fixtures import SECRET

from exporter.digitalocean.token import EnvToken, FileToken
from exporter.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    return path


def replace(path: Path, text: str) -> None:
    """Put a new file in the place of the old one, as secret stores do."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)


def test_env_token_is_stripped_and_fixed():
    """White space around a token in the environment goes; the value never changes."""
    token = EnvToken(f" {SECRET}\n")
    assert token.value() == SECRET
    assert token.refresh() is False


@pytest.mark.parametrize(
    "value", ["", "  \n", "dop_v1 x", "dop\r\nX-Evil: 1", "dop_\u20ac", "a\0b"]
)
def test_unusable_env_token_is_refused_without_showing_it(value: str):
    """A token that no header can carry is refused at the start, and the message has none of it."""
    with pytest.raises(ConfigError) as caught:
        EnvToken(value)
    assert "dop" not in str(caught.value)
    assert "put one DigitalOcean API token there" in str(caught.value)


def test_file_is_read_again_when_replaced(path: Path):
    """A replaced file is seen at the next request, without a refresh."""
    token = FileToken(path)
    assert token.value() == SECRET
    replace(path, "dop_v1_second")
    assert token.value() == "dop_v1_second"


def test_file_is_not_read_while_it_stays_the_same(path: Path, monkeypatch: pytest.MonkeyPatch):
    """An unchanged file costs one stat, no read."""
    token = FileToken(path)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: pytest.fail("read again"))
    assert [token.value() for _ in range(3)] == [SECRET] * 3


def test_refresh_reads_even_if_nothing_shows_a_change(path: Path):
    """Same inode, size and time: only refresh, after a 401, sees the new value."""
    token = FileToken(path)
    before = path.stat()
    path.write_text(f"{SECRET[:-1]}X\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert token.value() == SECRET
    assert token.refresh() is True
    assert token.value() == f"{SECRET[:-1]}X"
    assert token.refresh() is False


@pytest.mark.parametrize("damage", ["absent", "empty", "binary", "blank"])
def test_last_good_value_stays_while_the_file_is_no_good(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
):
    """A file that is no good for a moment changes nothing; the good one after it does."""
    token = FileToken(path)
    match damage:
        case "absent":
            path.unlink()
        case "empty":
            path.write_text("")
        case "blank":
            path.write_text("two words here")
        case "binary":
            path.write_bytes(b"\xff\xfe\x00")
    assert token.value() == SECRET
    assert token.refresh() is False
    assert SECRET not in caplog.text
    assert "the last good token stays in use" in caplog.text
    path.write_text("dop_v1_third")
    assert token.value() == "dop_v1_third"


def test_no_token_at_the_start_is_a_fault_in_the_configuration(tmp_path: Path):
    """Without any good value there is nothing to keep: the fault names the file and the remedy."""
    with pytest.raises(ConfigError) as caught:
        FileToken(tmp_path / "none")
    (fault,) = caught.value.faults
    assert fault.file == str(tmp_path / "none")
    assert fault.problem == "cannot be read: No such file or directory"


def test_repr_never_shows_the_value(path: Path):
    """Neither source shows its token."""
    assert repr(EnvToken(SECRET)) == "EnvToken()"
    assert repr(FileToken(path)) == f"FileToken({str(path)!r})"
