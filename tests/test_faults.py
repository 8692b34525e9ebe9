"""A start and a save of state at each kind of fault; ``make faults`` tries each at every place."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from programs import requires
from redis_proxy import message_end
from system_call_faults import cannot_trace

PROGRAM = Path(__file__).with_name("faults.py")


def faults_tried(where: str) -> int:
    """How many faults were tried, all of which left the counts true."""
    done = subprocess.run(
        [sys.executable, PROGRAM, "few", where],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.fullmatch(rf"(\d+) of (\d+) faults at {where} did no harm\n", done.stdout)
    assert told, done.stdout
    assert told[1] == told[2]
    return int(told[2])


@requires("strace")
def test_counts_are_true_after_each_kind_of_fault_at_a_system_call():
    """Failing calls, short writes and kills, one of each kind, on SQLite and on Redis."""
    if why := cannot_trace():
        pytest.skip(why)
    assert faults_tried("calls") > 50


@requires("redis-server")
def test_counts_are_true_after_each_kind_of_fault_at_a_message_to_redis():
    """Resets, ends, halves, silence and kills at the last EXEC and at its answer."""
    assert faults_tried("messages") == 12


@requires("redis-server")
def test_a_replica_and_the_next_own_what_is_recorded_after_each_kind_of_fault_at_a_message():
    """The same at the release of a share: the next replica owns all, whatever arrives late."""
    assert faults_tried("leases") == 12


@pytest.mark.parametrize(
    "message",
    [
        b"*2\r\n$3\r\nGET\r\n$5\r\nab\r\nc\r\n",
        b"+OK\r\n",
        b"$-1\r\n",
        b"*-1\r\n",
        b"*0\r\n",
        b"_\r\n",
        b"%1\r\n+a\r\n*2\r\n:1\r\n$0\r\n\r\n",
        b"*2\r\n*1\r\n:1\r\n$1\r\n\n\r\n",
    ],
)
def test_a_message_to_redis_ends_where_its_protocol_says(message: bytes):
    """However much of it has come, and whatever comes behind it."""
    for size in range(len(message)):
        assert message_end(message[:size]) == 0
    assert message_end(message) == len(message)
    assert message_end(message + b"+OK\r\n") == len(message)
