"""How a Redis is called, and what is said when it fails; most of it needs no server."""

import socket
import threading

import pytest
import redis
from redis import exceptions

from exporter.errors import StateError
from exporter.state.redis import RedisStore
from exporter.state.redis_client import connect, explain

CREDENTIALS = "its user or password is wrong, or may not write; see state.url"
CLUSTER = "it is part of a Redis Cluster, which cannot keep state: use a single server"
FAILED_COMMAND = "Command # 3 (HSET do-app-exporter:documents note %s) of pipeline caused error: "


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (redis.AuthenticationError("WRONGPASS"), CREDENTIALS),
        (exceptions.NoPermissionError("NOPERM"), CREDENTIALS),
        (redis.TimeoutError("Timeout reading from socket"), "no answer in time"),
        (
            redis.WatchError("Watched variable changed."),
            "the connection broke, or an earlier save came late",
        ),
        (exceptions.OutOfMemoryError("command not allowed"), "its memory is full"),
        (exceptions.AskError("1 127.0.0.1:2"), CLUSTER),
        (exceptions.MovedError("1 127.0.0.1:2"), CLUSTER),
        (exceptions.ClusterDownError("CLUSTERDOWN"), CLUSTER),
        (exceptions.ClusterCrossSlotError("CROSSSLOT"), CLUSTER),
        (exceptions.TryAgainError("TRYAGAIN"), CLUSTER),
        (exceptions.ReadOnlyError("You can't write"), "it is a read-only replica"),
        (redis.ResponseError("WRONGTYPE Operation"), "WRONGTYPE Operation"),
        (redis.ResponseError(FAILED_COMMAND + "WRONGTYPE Operation"), "WRONGTYPE Operation"),
        (
            redis.ResponseError(FAILED_COMMAND + "MISCONF Redis is configured to save"),
            "it cannot write to its disk, and takes no changes until it can",
        ),
        (ValueError("invalid literal"), "invalid literal"),
    ],
    ids=repr,
)
def test_each_error_is_told_by_its_reason(error: Exception, reason: str):
    """In words of the exporter's user, and without what was to be kept."""
    assert explain(error) == reason


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("me:hunter2@host.invalid", "host.invalid:6379"),
        (":hunter2@host.invalid:6380/3", "host.invalid:6380/3"),
        ("host.invalid/0", "host.invalid:6379/0"),
    ],
)
def test_a_database_is_named_by_host_port_and_number(address: str, name: str):
    """Without user and password, and with the port where the URL leaves it out."""
    with pytest.raises(StateError) as raised:
        RedisStore(f"redis://{address}", float)
    assert str(raised.value).startswith(f"state in {name} cannot be opened: ")
    assert "hunter2" not in str(raised.value)


def test_a_connection_that_breaks_is_replaced_once():
    """A second break is the caller's to know: it decides whether to wait."""
    taken = 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def break_each() -> None:
            nonlocal taken
            while True:
                with server.accept()[0] as connection:
                    if connection.recv(100) == b"stop":
                        return
                    taken += 1

        breaking = threading.Thread(target=break_each)
        breaking.start()
        client = connect(f"redis://127.0.0.1:{port}", 60.0)
        with client, pytest.raises(redis.ConnectionError):
            client.ping()
        with socket.create_connection(("127.0.0.1", port)) as last:
            last.sendall(b"stop")
            breaking.join()
    assert taken == 2
