"""Checks of this machine: state and web configuration. Nothing is written."""

import os
from collections.abc import Iterator

from exporter.config.schema import Config
from exporter.config.web_file.load import load_web_security
from exporter.doctor.verdicts import Check, failed, ok
from exporter.errors import ConfigError

_SQLITE = b"SQLite format 3\0"


def local_checks(config: Config, web_text: str = "") -> Iterator[Check]:
    """Yield whether the state and the web configuration can be used."""
    yield _state(config)
    yield _web(config, web_text)


def _state(config: Config) -> Check:
    path = config.state.sqlite_path
    if path is None:
        if config.state.redis_url is not None:
            return _redis(config.state.redis_url)
        if config.state.postgresql_url is not None:
            return _postgresql(config.state.postgresql_url)
        return ok("state", "in memory: counters begin at 0 at each start")
    remedy = "create the folder, writable for the exporter's user, or change state.url"
    folder = path.parent
    if not folder.is_dir():
        return failed("state", f"the folder {folder} does not exist", remedy)
    if not os.access(folder, os.W_OK | os.X_OK):
        return failed("state", f"the folder {folder} is not writable", remedy)
    if not path.exists():
        return ok("state", "the file will be created at the first start")
    if not os.access(path, os.R_OK | os.W_OK):
        return failed("state", f"the file {path} cannot be read and written", remedy)
    with path.open("rb") as file:
        beginning = file.read(len(_SQLITE))
    if beginning and beginning != _SQLITE:
        return failed("state", f"the file {path} is no SQLite database", "change state.url")
    return ok("state", "the file can be read and written")


_DATABASE_REMEDY = "check state.url, and that the database runs and takes connections from here"


def _redis(url: str) -> Check:
    try:
        import redis
    except ImportError:
        remedy = "pip install 'do-app-exporter[redis]'"
        return failed("state", "the package redis is not installed", remedy)
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        problem = f"the database does not answer: {type(error).__name__}"
        return failed("state", problem, _DATABASE_REMEDY)
    return ok("state", "the database answers")


def _postgresql(url: str) -> Check:
    try:
        import psycopg
    except ImportError:
        remedy = "pip install 'do-app-exporter[postgresql]'"
        return failed("state", "the package psycopg is not installed", remedy)
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        # The text may hold names of the network, and a report is sent around.
        problem = f"the database does not answer: {type(error).__name__}"
        return failed("state", problem, _DATABASE_REMEDY)
    return ok("state", "the database answers")


def _web(config: Config, web_text: str) -> Check:
    try:
        load_web_security(config.web.config_file, web_text)
    except ConfigError as error:
        remedy = "correct the file; `check` lists every fault"
        return failed("web configuration", "; ".join(map(str, error.faults)), remedy)
    where = ", ".join(map(str, config.web.listen_addresses))
    return ok("web configuration", f"usable; to listen on {where}")
