"""The caches of rules: later starts are spared reading and compiling, no foreign file is used."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from exporter_process import run_command

from exporter.matching.engine import Engine
from exporter.matching.severity.silence import Silence
from exporter.model import Level, Rule
from exporter.options import Options
from exporter.workbench.database_cache import DatabaseCache, user_cache
from exporter.workbench.private_files import MOST_FILES
from exporter.workbench.rules_cache import RulesCache

RULES = (
    Rule("declined", "payment declined", Level.ERROR),
    Rule("anything", "^.{3,}$", Level.INFO),
    Rule("refused", "connection (refused|reset)", Level.ERROR),
)
MESSAGES = (b"payment declined", b"connection reset by peer", b"a", b"all is well")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # What tells harmless lines is compiled once for a process, and kept by whoever needs it first.
    Silence().among([0], {0: b"declined"})
    return tmp_path / "cache" / "do-app-exporter"


def matches(rules: tuple[Rule, ...], folder: Path) -> set[tuple[int, int]]:
    """What an engine with the cache finds, as one without it does."""
    found = set(Engine(rules, cache=DatabaseCache(folder)).scan(MESSAGES))
    assert found == set(Engine(rules).scan(MESSAGES))
    return found


def the_file(folder: Path) -> Path:
    """The only database that is kept."""
    (file,) = folder.iterdir()
    return file


def compiles(folder: Path) -> bool:
    """Whether an engine of the rules still has to make expressions of them."""
    with patch("exporter.matching.prefilter.proposal.propose", side_effect=LookupError):
        try:
            Engine(RULES, cache=DatabaseCache(folder))
        except LookupError:
            return True
    return False


def test_a_second_engine_is_spared_the_compiling(folder: Path):
    """It finds the same lines, rules without an expression included."""
    assert compiles(folder)
    first = matches(RULES, folder)
    assert not compiles(folder)
    assert matches(RULES, folder) == first == {(0, 0), (1, 0), (1, 1), (2, 1), (1, 3)}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert the_file(folder).stat().st_mode & 0o777 == 0o600


def test_other_rules_have_another_database(folder: Path):
    """A regex that changed, or rules in another order, are compiled anew."""
    matches(RULES, folder)
    matches(RULES[::-1], folder)
    matches((RULES[0],), folder)
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("keep", [0, 10, 100, -1])
def test_a_broken_file_is_replaced(folder: Path, keep: int):
    """Cut anywhere it costs the time to compile; the next start has a good one."""
    matches(RULES, folder)
    file = the_file(folder)
    file.write_bytes(file.read_bytes()[:keep])
    assert compiles(folder)
    matches(RULES, folder)
    assert not compiles(folder)


def test_a_changed_byte_is_noticed(folder: Path):
    """Wherever it is, Hyperscan is not given the database."""
    matches(RULES, folder)
    file = the_file(folder)
    good = file.read_bytes()
    for at in range(0, len(good), len(good) // 20):
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert compiles(folder), at


def test_what_others_could_have_written_is_not_used(folder: Path, tmp_path: Path):
    """A file or folder that others can use, and a link to elsewhere, are ignored."""
    matches(RULES, folder)
    file = the_file(folder)
    file.chmod(0o606)
    assert compiles(folder)
    file.chmod(0o600)
    assert not compiles(folder)
    folder.chmod(0o755)
    assert compiles(folder)
    folder.chmod(0o700)
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert compiles(folder)
    assert matches(RULES, folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_not_used(folder: Path):
    """Even if its mode is private."""
    matches(RULES, folder)
    os.chown(the_file(folder), 65534, 65534)
    assert compiles(folder)


def test_where_nothing_can_be_kept_rules_are_compiled(tmp_path: Path):
    """A file in the folder's place is no failure."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert matches(RULES, blocked / "do-app-exporter")


def test_few_databases_are_kept(folder: Path):
    """Trying many rules does not fill the disk."""
    for number in range(MOST_FILES + 3):
        matches((Rule("one", f"number {number}", Level.INFO),), folder)
    assert len(list(folder.iterdir())) == MOST_FILES


@pytest.mark.parametrize(
    ("environ", "where"),
    [
        ({"HOME": "/home/ann"}, "/home/ann/.cache/do-app-exporter"),
        ({"HOME": "/home/ann", "XDG_CACHE_HOME": "/var/cache"}, "/var/cache/do-app-exporter"),
        ({"HOME": ""}, None),
        ({"XDG_CACHE_HOME": "relative"}, None),
    ],
)
def test_the_cache_is_the_users(environ: dict[str, str], where: str | None):
    """In the folder that the desktop's convention names; without one nothing is kept."""
    cache = user_cache(environ)
    assert (cache and cache.folder) == (where and Path(where))


def test_match_keeps_its_rules(tmp_path: Path):
    """The command uses the user's cache, and counts the same from it."""
    log = tmp_path / "app.log"
    lines = "web 2026-11-01T00:00:00Z Traceback (most recent call last):\n" * 50
    log.write_text(lines)
    variables = {"XDG_CACHE_HOME": str(tmp_path)}
    counted = [
        run_command("match", "--format=json", str(log), variables=variables).stdout.partition(
            ', "seconds"'
        )[0]
        for _ in range(2)
    ]
    assert counted[0] == counted[1] != ""
    kept = sorted(file.suffix for file in (tmp_path / "do-app-exporter").iterdir())
    assert kept == [".hyperscan", ".hyperscan", ".rules"], (
        "the rules, and what is harmless, which many candidates need"
    )


# --- rules


class Reading:
    """Reads a configuration, and counts how often."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.count = 0

    def __call__(self) -> tuple[tuple[Rule, ...], bool]:
        self.count += 1
        return (Rule("all", self.config.read_text()),), self.count > 1


def test_a_configuration_is_read_once(tmp_path: Path, folder: Path):
    """Until its text, a variable that may stand for a part of it, or the program's code changes."""
    config = tmp_path / "config.yml"
    config.write_text("one")
    read = Reading(config)

    def rules(**environ: str) -> tuple[str | None, int]:
        options = Options(config_file=str(config), environ=environ)
        (rule,), _ = RulesCache(folder).load_or(options, read)
        return rule.regex, read.count

    assert [rules(), rules(), rules(PATH="/bin")] == [("one", 1)] * 3
    assert [rules(DO_APP_EXPORTER_CONFIG="x"), rules()] == [("one", 2), ("one", 2)]
    config.write_text("two")
    assert [rules(), rules()] == [("two", 3)] * 2
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert [rules(), rules()] == [("two", 4)] * 2
    with patch("exporter.workbench.rules_cache._files_in", lambda _: iter([("new", 1, 1, 1)])):
        assert [rules(), rules()] == [("two", 5)] * 2


def test_what_changes_while_it_is_read_is_not_kept(tmp_path: Path, folder: Path):
    """Else the later text would stand for the rules of the earlier one."""
    config = tmp_path / "config.yml"
    config.write_text("one")
    read = Reading(config)

    def late() -> tuple[tuple[Rule, ...], bool]:
        chosen = read()
        config.write_text("two")
        return chosen

    options = Options(config_file=str(config))
    assert RulesCache(folder).load_or(options, late)[0][0].regex == "one"
    assert not folder.exists()
    assert RulesCache(folder).load_or(options, read)[0][0].regex == "two"


def test_what_cannot_be_read_is_said_each_time(tmp_path: Path):
    """A faulty or missing configuration leaves nothing behind."""
    config = tmp_path / "config.yml"
    arguments = ("match", f"--config.file={config}", os.devnull)
    for text in (None, None, "patterns: {packs: [nope]}\n", "patterns: {packs: [nope]}\n"):
        if text is not None:
            config.write_text(text)
        ended = run_command(*arguments, variables={"XDG_CACHE_HOME": str(tmp_path / "cache")})
        assert ended.returncode == 1
        assert str(config) in ended.stderr
    assert not (tmp_path / "cache").exists()
