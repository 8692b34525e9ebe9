"""A state file of an earlier version: nothing counts twice, and counting goes on where it was."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from collect_fixtures import IDENTITY, KEY, LOG, RESTARTED, RUN, Clock, Site, line
from state_files import file_state

from exporter.counting.error_counts import error_groups_of
from exporter.errors import StateError
from exporter.model import LogType
from exporter.state.sqlite import SqliteStore
from exporter.state.sqlite_copy import keep_copy
from exporter.state.sqlite_schema import APPLICATION_ID, MIGRATIONS, VERSION, marks

DUMP = Path(__file__).parent / "testdata/state_2026_11.sql"


def test_a_file_of_november_2026_is_continued(tmp_path: Path):
    """It holds six lines, a container end and an error group; the same logs bring nothing new."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text(encoding="utf-8"))
    clock = Clock()
    site = Site(state=file_state(path, clock), clock=clock)
    site.watch()
    log = site.platform.log("d1")
    log.live = b"".join(line(n, f"oops {n}") for n in range(1, 6))
    site.platform.log("d1", LogType.RUN_RESTARTED).live = line(0.5, "panic: boom")
    for source in (RUN, RESTARTED):
        site.poller.poll(source)
    site.ledger.flush()
    matched = {"pattern": "oops", "level": "error"}
    assert site.lines() == 6
    assert site.value("log_matches_total", **LOG, **matched) == 5
    assert site.value("restarts_total", **IDENTITY, reason="panic") == 1
    (group,) = error_groups_of(site.components.get(KEY))
    assert (group.sample, group.count) == ("oops 1", 5)
    assert len(site.crashes.of(KEY)) == 1
    log.live += line(6, "oops again")
    site.poller.poll(RUN)
    site.ledger.flush()
    assert site.lines() == 7
    assert site.value("log_matches_total", **LOG, **matched) == 6
    assert site.value("log_gaps_total", **LOG, reason="window") == 0
    site.ledger.end()


def test_a_copy_is_kept_before_a_file_is_changed(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """It is the file as the older exporter left it, for its owner alone; later starts keep none."""
    caplog.set_level("INFO")
    path, copy = tmp_path / "state.db", tmp_path / "state.db.version-2"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text(encoding="utf-8"))
        before = list(database.iterdump())
    SqliteStore(path, Clock()).close()
    (told,) = caplog.records
    assert told.getMessage() == "state file of an older version is changed"
    assert told.__dict__["fields"] == {"file": path, "copy": copy}
    with closing(sqlite3.connect(copy)) as database:
        assert list(database.iterdump()) == before
        assert database.execute("PRAGMA user_version").fetchone()[0] == 2
    assert copy.stat().st_mode & 0o777 == 0o600
    copy.unlink()
    SqliteStore(path, Clock()).close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state.db"]
    assert len(caplog.records) == 1


def test_a_copy_that_an_earlier_start_left_unfinished_is_made_anew(tmp_path: Path):
    """It was killed then: what it had written so far is no copy."""
    path, copy = tmp_path / "state.db", tmp_path / "state.db.version-1"
    (tmp_path / "state.db.version-1.tmp").write_bytes(b"half of it")
    with closing(sqlite3.connect(path)) as database:
        database.executescript(MIGRATIONS[0])
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute("PRAGMA user_version = 1")
        assert keep_copy(database, path) == copy
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state.db", copy.name]
    with closing(sqlite3.connect(copy)) as database:
        assert marks(database) == (APPLICATION_ID, 1)


@pytest.mark.parametrize("version", [0, VERSION])
def test_a_file_that_is_not_of_an_older_version_is_not_copied(version: int, tmp_path: Path):
    """It is new, or of this version."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {version}")
        assert keep_copy(database, path) is None
    assert [file.name for file in tmp_path.iterdir()] == ["state.db"]


def test_a_file_is_not_changed_without_a_copy(tmp_path: Path):
    """Where none can be written the start fails, and the file stays as it was."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text(encoding="utf-8"))
    (tmp_path / "state.db.version-2").mkdir()
    with pytest.raises(StateError, match="cannot be opened"):
        SqliteStore(path, Clock())
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone()[0] == 2


def test_a_file_that_cannot_be_brought_up_to_date_stays_as_it_was(tmp_path: Path):
    """The exporter that wrote it can go on with it."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text(encoding="utf-8"))
        database.execute("CREATE TABLE documents_2 (what_somebody_added)")
        before = list(database.iterdump())
    with pytest.raises(StateError, match=r"cannot be opened: .*documents_2"):
        SqliteStore(path, Clock())
    with closing(sqlite3.connect(path)) as database:
        assert list(database.iterdump()) == before
        assert marks(database) == (APPLICATION_ID, 2)
