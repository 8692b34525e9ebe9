"""The store of the state: the one that the configuration names."""

from collections.abc import Callable

from exporter.config.schema import Config
from exporter.errors import StateError
from exporter.state.memory import MemoryStore
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Store


def open_store(config: Config, clock: Callable[[], float]) -> Store:
    """Open the store that the configuration names; raises StateError where it cannot be used."""
    if config.state.redis_url is not None:
        return _redis_store(config.state.redis_url, clock)
    if config.state.postgresql_url is not None:
        return _postgresql_store(config.state.postgresql_url, clock)
    path = config.state.sqlite_path
    return MemoryStore(clock) if path is None else SqliteStore(path, clock)


def _redis_store(url: str, clock: Callable[[], float]) -> Store:
    try:
        from exporter.state.redis import RedisStore
    except ImportError:
        raise _not_installed("redis", "redis") from None
    return RedisStore(url, clock)


def _postgresql_store(url: str, clock: Callable[[], float]) -> Store:
    try:
        from exporter.state.postgresql import PostgresqlStore
    except ImportError:
        raise _not_installed("psycopg", "postgresql") from None
    return PostgresqlStore(url, clock)


def _not_installed(package: str, extra: str) -> StateError:
    remedy = f"pip install 'do-app-exporter[{extra}]'"
    return StateError(f"state.url: the package {package} is not installed; {remedy}")
