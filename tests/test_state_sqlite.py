"""State in a file: batches whole or not at all, over restarts, and clear errors for bad files."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from state_files import file_state

from exporter.errors import StateError
from exporter.model import ComponentKey
from exporter.state.sqlite import SqliteStore
from exporter.state.sqlite_schema import APPLICATION_ID, MIGRATIONS, VERSION
from exporter.state.store import Batch, CursorKey, DocumentKey, ValueKey

WEB, API = ComponentKey("shop", "web"), ComponentKey("blog", "api")
LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
MATCHES = ValueKey("matches_total", ("shop", "web", "RUN", "rule"), "meaning")
FIRST = CursorKey(WEB, "d1")
SECOND = CursorKey(WEB, "d2")
NOTE = DocumentKey("note", WEB.parts)
NAMED = DocumentKey("note", WEB.parts, "named")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@contextmanager
def not_root(folder: Path) -> Iterator[None]:
    """The folder is the user's who runs the tests; where that is root, another one's instead."""
    if os.geteuid() != 0:
        yield
        return
    nobody = 65534
    os.chown(folder, nobody, nobody)
    os.seteuid(nobody)
    try:
        yield
    finally:
        os.seteuid(0)


def descriptors() -> list[str]:
    """The open descriptors of this process."""
    return sorted(file.name for file in Path("/proc/self/fd").iterdir())


class Clock:
    """Unix seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_new_file_knows_only_when_it_was_begun(path, clock):
    """A first start finds nothing but its own time, and a later one that same time."""
    state = file_state(path, clock)
    saved = state.load()
    assert (saved.first_start, saved.saved_at) == (1000.0, None)
    assert (saved.values, saved.cursors, saved.released, saved.documents) == ({}, {}, {}, {})
    state.close()
    clock.now = 2000.0
    again = file_state(path, clock)
    assert again.load().first_start == 1000.0
    again.close()


def test_a_new_file_is_readable_by_its_owner_alone(path, clock):
    """It and what SQLite puts beside it; the mode of one that is there stays."""
    before = os.umask(0o022)
    try:
        state = file_state(path, clock)
        state.save(Batch(values={LINES: 1.0}))
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert modes == dict.fromkeys(modes, 0o600)
        assert len(modes) > 1
        state.close()
        path.chmod(0o640)
        file_state(path, clock).close()
        assert path.stat().st_mode & 0o777 == 0o640
    finally:
        os.umask(before)


def test_what_was_saved_is_there_after_a_restart(path, clock):
    """Values, cursors, releases and documents come back as they were last saved."""
    state = file_state(path, clock)
    state.save(Batch(values={LINES: 5.0, MATCHES: 1.0}, cursors={FIRST: b"one", SECOND: b"x"}))
    clock.now = 1500.0
    state.save(Batch(values={LINES: 7.0}, cursors={SECOND: b"two"}, released={FIRST: 99}))
    state.save(Batch(documents={NOTE: b"", NAMED: b"1"}))
    state.save(Batch(documents={NAMED: b"\x002"}))
    state.close()
    again = file_state(path, clock)
    saved = again.load()
    again.close()
    assert saved.values == {LINES: 7.0, MATCHES: 1.0}
    assert saved.cursors == {SECOND: b"two"}
    assert saved.released == {FIRST: 99}
    assert saved.documents == {NOTE: b"", NAMED: b"\x002"}
    assert saved.saved_at == 1500.0


def test_what_is_dropped_is_gone_and_the_rest_stays(path, clock):
    """A component's cursors go with it, other components keep theirs."""
    other = CursorKey(API, "d1")
    state = file_state(path, clock)
    state.save(
        Batch(
            values={LINES: 5.0, MATCHES: 1.0},
            cursors={FIRST: b"1", other: b"2"},
            released={SECOND: 3},
            documents={NOTE: b"1", NAMED: b"2"},
        )
    )
    state.save(Batch(released={CursorKey(API, "d0"): 8, CursorKey(API, "d2"): 9}))
    state.save(Batch(dropped_releases=frozenset({CursorKey(API, "d2")})))
    state.save(Batch(dropped_values=frozenset({LINES}), dropped_components=frozenset({WEB})))
    state.save(Batch(dropped_documents=frozenset({NOTE})))
    saved = state.load()
    state.close()
    assert saved.values == {MATCHES: 1.0}
    assert saved.cursors == {other: b"2"}
    assert saved.released == {CursorKey(API, "d0"): 8}
    assert saved.documents == {NAMED: b"2"}


def test_a_first_start_that_is_known_better_is_kept(path, clock):
    """As of the memory that a state in a file takes over."""
    state = file_state(path, clock)
    state.save(Batch(first_start=5.5))
    state.save(Batch(values={LINES: 1.0}))
    assert state.load().first_start == 5.5
    state.close()


def test_a_file_is_durable_and_never_goes_back(path, clock):
    """What is not saved there must not be shown; a file that is replaced is refused instead."""
    store = SqliteStore(path, clock)
    state = store.open("")
    assert (state.durable, state.rollbacks) == (True, 0)
    state.close()
    state.save(Batch(values={LINES: 1.0}))
    store.close()


def test_any_thread_may_save(path, clock):
    """The saves of an account come from one thread, its start from another."""
    state = file_state(path, clock)
    with ThreadPoolExecutor(1) as other:
        other.submit(state.save, Batch(values={LINES: 1.0})).result()
    assert state.load().values == {LINES: 1.0}
    state.close()


def test_a_batch_waits_for_no_disk(path, clock):
    """A sync per batch would; the log of writes alone keeps them apart."""
    store = SqliteStore(path, clock)
    with store.reading() as connection:
        found = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "locking_mode")
        ]
    assert found == ["wal", 1, "exclusive"]
    store.close()


def test_nothing_of_a_file_stays_open(path, clock):
    """Neither after its end nor after a start that was refused, so that another may begin."""
    before = descriptors()
    file_state(path, clock).close()
    assert descriptors() == before
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError) as caught:
        file_state(path, clock)
    assert descriptors() == before
    assert caught.value.__traceback__ is not None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SQLITE_BUSY", "another process holds it; two exporters cannot share one file"),
        ("SQLITE_BUSY_SNAPSHOT", "another process holds it; two exporters cannot share one file"),
        ("SQLITE_LOCKED", "another process holds it; two exporters cannot share one file"),
        (
            "SQLITE_CORRUPT",
            "it is damaged or no database; move it away to start again, or restore a copy",
        ),
        ("SQLITE_CANTOPEN", "its folder cannot be written to"),
        ("SQLITE_READONLY_DBMOVED", "it is read-only, or its folder is"),
        ("SQLITE_FULL", "the disk is full"),
        ("SQLITE_IOERR", "as SQLite says it"),
        ("", "as SQLite says it"),
    ],
)
def test_each_trouble_of_sqlite_is_told_in_words(path, clock, name: str, reason: str):
    """What nobody can do anything about is told as SQLite says it."""
    store = SqliteStore(path, clock)
    error = sqlite3.OperationalError("as SQLite says it")
    if name:
        error.sqlite_errorname = name
    with pytest.raises(StateError) as caught, store.reading():
        raise error
    assert str(caught.value) == f"state file {path} cannot be read: {reason}"
    store.close()


def test_a_file_of_the_first_version_is_taken_over(path, clock):
    """What it holds stays, and what it had no place for can be kept."""
    with sqlite3.connect(path) as first:
        first.executescript(MIGRATIONS[0])
        first.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        first.execute("PRAGMA user_version = 1")
        first.execute("INSERT INTO meta VALUES ('first_start', 5)")
        first.execute("""INSERT INTO series VALUES ('a_total', '["shop"]', '', 7)""")
    first.close()
    state = file_state(path, clock)
    state.save(Batch(documents={NOTE: b"1"}))
    saved = state.load()
    state.close()
    assert (saved.first_start, saved.values) == (5.0, {ValueKey("a_total", ("shop",)): 7.0})
    assert saved.documents == {NOTE: b"1"}


def test_accounts_of_a_file_of_the_second_version_become_namespaces(path, clock):
    """A slash tells an account only where it stands in the app's name; nothing else is changed."""
    with sqlite3.connect(path) as second:
        for migration in MIGRATIONS[:2]:
            second.executescript(migration)
        second.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        second.execute("PRAGMA user_version = 2")
        second.execute("INSERT INTO meta VALUES ('first_start', 5)")
        labels = ['["shop", "/path"]', '["eu/shop", "/path"]', '["\\ud83d", "a/b"]', '["us/a\\"/"]']
        for labels_of_series in labels:
            row = (labels_of_series, "a/b", 7)
            second.execute("INSERT INTO series VALUES ('a_total', ?, ?, ?)", row)
        for app in ("shop", "eu/shop", "eu/blog"):
            second.execute("INSERT INTO cursors VALUES (?, 'web', 'd1', x'01')", (app,))
            second.execute("INSERT INTO released VALUES (?, 'web', 'd0', 9)", (app,))
        for owner in ('["eu/shop"]', '["shop"]', '["eu/shop", "web"]'):
            second.execute("INSERT INTO documents VALUES ('note', ?, 'a/b', x'02')", (owner,))
    second.close()
    store = SqliteStore(path, clock)
    own, eu, us = (store.open(name).load() for name in ("", "eu", "us"))
    store.close()
    blog = ComponentKey("blog", "web")
    assert own.values == {
        ValueKey("a_total", ("shop", "/path"), "a/b"): 7.0,
        ValueKey("a_total", ("\ud83d", "a/b"), "a/b"): 7.0,
    }
    assert eu.values == {ValueKey("a_total", ("shop", "/path"), "a/b"): 7.0}
    assert us.values == {ValueKey("a_total", ('a"/',), "a/b"): 7.0}
    assert list(eu.cursors) == [CursorKey(WEB, "d1"), CursorKey(blog, "d1")]
    assert eu.released == {CursorKey(WEB, "d0"): 9, CursorKey(blog, "d0"): 9}
    assert own.cursors == {CursorKey(WEB, "d1"): b"\x01"}
    assert own.documents == {DocumentKey("note", ("shop",), "a/b"): b"\x02"}
    assert set(eu.documents) == {
        DocumentKey("note", owner, "a/b") for owner in (("shop",), ("shop", "web"))
    }
    assert [own.first_start, eu.first_start, us.first_start] == [5.0, 5.0, 5.0]


def test_a_batch_is_saved_whole_or_not_at_all(path, clock):
    """One value that cannot be kept takes back the whole batch, and the file goes on."""
    state = file_state(path, clock)
    state.save(Batch(values={LINES: 5.0}))
    with pytest.raises(StateError, match="cannot be written"):
        state.save(Batch(values={LINES: 6.0, MATCHES: None}))  # type: ignore[dict-item]
    assert state.load().values == {LINES: 5.0}
    state.save(Batch(values={LINES: 7.0}))
    assert state.load().values == {LINES: 7.0}
    state.close()


def test_a_killed_process_leaves_its_last_batch(path, clock):
    """What was saved before SIGKILL is there, and the lock is gone with the process."""
    program = (
        "import os, pathlib, signal, sys\n"
        "from exporter.state.sqlite import SqliteStore\n"
        "from exporter.state.store import Batch, ValueKey\n"
        "state = SqliteStore(pathlib.Path(sys.argv[1]), lambda: 1.0).open('')\n"
        "for n in range(50):\n"
        "    state.save(Batch(values={ValueKey('lines_total', ('a',)): float(n)}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -9
    state = file_state(path, clock)
    assert state.load().values == {ValueKey("lines_total", ("a",)): 49.0}
    state.close()


def test_a_damaged_file_is_refused(path, clock):
    """A file that is no database: said in so many words, with what to do."""
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StateError) as caught:
        file_state(path, clock)
    assert str(caught.value) == (
        f"state file {path} cannot be opened: it is damaged or no database; "
        "move it away to start again, or restore a copy"
    )


@pytest.mark.found(
    "A start on a file with a damaged page, or one that could not be read, said so in two lines, "
    "without what to do.",
    how="each system call failed once, and refusals had to be one line",
)
def test_a_file_damaged_in_the_middle_is_refused(path, clock):
    """Pages that were overwritten are found at the start, in one line that says what to do."""
    state = file_state(path, clock)
    many = {CursorKey(WEB, f"d{n}"): os.urandom(3000) for n in range(50)}
    state.save(Batch(cursors=many))
    state.close()
    data = bytearray(path.read_bytes())
    data[4096 * 30 : 4096 * 31] = bytes(4096)
    path.write_bytes(data)
    words = (
        r"opened: it is damaged or cannot be read \([^*\n]*(?i:page) 31: [^*\n]*\); "
        r"move it away to start again, or restore a copy$"
    )
    with pytest.raises(StateError, match=words):
        file_state(path, clock)
    data[4096 * 4 : 4096 * 12] = os.urandom(4096 * 8)
    path.write_bytes(data)
    with pytest.raises(StateError, match=r"^[^\n]* is damaged"):
        file_state(path, clock)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE series SET labels = 'null'",
        "UPDATE series SET labels = '5'",
        "UPDATE series SET labels = '[]'",
        "UPDATE series SET labels = '[1]'",
        "UPDATE series SET labels = '[\"a'",
        "UPDATE series SET value = 'many'",
        "UPDATE documents SET owner = '{}'",
        "DROP TABLE cursors",
    ],
)
def test_a_database_that_holds_what_no_state_does_is_refused(path, clock, damage: str):
    """It is an error that names the file, whatever stands there."""
    state = file_state(path, clock)
    documents = {DocumentKey("crashes", ("shop", "web"), "latest"): b"{}"}
    state.save(Batch(values={LINES: 1.0}, documents=documents))
    state.close()
    with sqlite3.connect(path) as file:
        file.execute(damage)
    file.close()
    state = file_state(path, clock)
    with pytest.raises(StateError, match=f"state file {path} cannot be read"):
        state.load()
    state.close()


@pytest.mark.parametrize(
    ("mode", "folder_mode"), [(0o444, 0o755), (0o000, 0o755), (0o444, 0o555), (0o644, 0o555)]
)
def test_a_file_that_may_not_be_written_is_refused(clock, mode: int, folder_mode: int):
    """Read-only, the file or its folder: the message says whose it has to be; nothing changes."""
    with TemporaryDirectory() as folder, not_root(Path(folder)):
        path = Path(folder) / "state.db"
        file_state(path, clock).close()
        before = path.read_bytes()
        path.chmod(mode)
        path.parent.chmod(folder_mode)
        with pytest.raises(StateError, match=r"this user's to write|it is read-only"):
            file_state(path, clock)
        path.parent.chmod(0o755)
        path.chmod(0o644)
        assert path.read_bytes() == before


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path, clock):
    """It says that it is a folder."""
    with pytest.raises(StateError, match="Is a directory"):
        file_state(tmp_path, clock)


def test_a_file_that_is_removed_or_replaced_is_missed(path, clock):
    """Saving fails until it lies where it was, and nothing of what came meanwhile is in doubt."""
    state = file_state(path, clock)
    state.save(Batch(values={LINES: 1.0}))
    aside = path.rename(path.with_suffix(".aside"))
    with pytest.raises(StateError, match="it was removed or replaced"):
        state.save(Batch(values={LINES: 2.0}))
    path.touch()
    with pytest.raises(StateError, match="it was removed or replaced"):
        state.save(Batch(values={LINES: 3.0}))
    aside.rename(path)
    assert state.load().values == {LINES: 1.0}
    state.save(Batch(values={LINES: 4.0}))
    state.close()
    state = file_state(path, clock)
    assert state.load().values == {LINES: 4.0}
    state.close()


def test_a_file_of_a_newer_version_is_refused(path, clock):
    """A newer exporter's file is left alone."""
    file_state(path, clock).close()
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    with pytest.raises(StateError, match=f"it has version {VERSION + 1}"):
        file_state(path, clock)


def test_a_file_is_marked_as_of_this_program_and_version(path, clock):
    """Programs that tell files by their beginning know it, and each later version."""
    file_state(path, clock).close()
    header = path.read_bytes()[:100]
    assert (header[68:72], int.from_bytes(header[60:64], "big")) == (b"DOAX", 3)


@pytest.mark.found(
    "A database of another program that stood in `state.url` was refused, but put into WAL mode.",
    how="tests of each module that notice a change in one place of it",
)
@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE users (name)", "PRAGMA user_version = 2", "PRAGMA application_id = 7"],
)
def test_another_programs_database_is_refused(path, clock, statement: str):
    """A database with tables or marks that are not ours is not touched."""
    with sqlite3.connect(path) as other:
        other.execute(statement)
    other.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match="the database of another program"):
        file_state(path, clock)
    assert path.read_bytes() == before


def test_a_file_that_another_process_holds_is_refused(path, clock):
    """Two exporters never count into one file; the second says why it stops."""
    first = file_state(path, clock)
    with pytest.raises(StateError, match="another process holds it"):
        file_state(path, clock)
    first.save(Batch(values={LINES: 1.0}))
    first.close()
    file_state(path, clock).close()


def test_a_folder_that_is_not_there_is_named(tmp_path, clock):
    """The path is in the message, and nothing is made."""
    path = tmp_path / "missing" / "state.db"
    with pytest.raises(StateError, match="its folder does not exist"):
        file_state(path, clock)
    assert not path.parent.exists()


def test_a_full_disk_is_said_and_survived(path, clock):
    """When no page can be added the batch is refused, and a smaller one still goes in."""
    store = SqliteStore(path, clock)
    state = store.open("")
    state.save(Batch(values={LINES: 1.0}))
    with store.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StateError, match="the disk is full"):
        state.save(Batch(values={LINES: 2.0}, cursors={FIRST: b"x" * 100_000}))
    assert state.load().values == {LINES: 1.0}
    state.save(Batch(values={LINES: 3.0}))
    assert state.load().values == {LINES: 3.0}
    store.close()
