"""The reason of a container's end, from what programs print when they die."""

import pytest

from exporter.logs.restarts.restart_reasons import restart_reason
from exporter.model import RestartReason as Reason

GO_STACK = """\
goroutine 1 [running]:
main.(*Server).Run(0xc000012345, {0x1, 0x2})
	/app/server.go:31 +0x1d
main.main()
	/app/main.go:9 +0x1d
"""

CASES = {
    # Printed by Python 3.11, Node.js 20 and Java 17, the environment's paths shortened.
    "python exception": (
        Reason.EXCEPTION,
        """\
Traceback (most recent call last):
  File "<string>", line 2, in <module>
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "<string>", line 3, in <module>
RuntimeError: wrapped""",
    ),
    "python environment": (
        Reason.CONFIGURATION,
        """\
Traceback (most recent call last):
  File "<string>", line 1, in <module>
  File "<frozen os>", line 679, in __getitem__
KeyError: 'DATABASE_URL'""",
    ),
    "python module": (
        Reason.MISSING_MODULE,
        """\
Traceback (most recent call last):
  File "<string>", line 1, in <module>
ModuleNotFoundError: No module named 'nosuch'""",
    ),
    "python memory": (
        Reason.OUT_OF_MEMORY,
        """\
Traceback (most recent call last):
  File "<string>", line 1, in <module>
MemoryError""",
    ),
    "python port": (
        Reason.PORT_IN_USE,
        """\
Traceback (most recent call last):
  File "<string>", line 1, in <module>
OSError: [Errno 98] Address already in use""",
    ),
    "python segmentation fault": (
        Reason.SIGNAL,
        """\
Fatal Python error: Segmentation fault

Current thread 0x00007f1371a48b80 (most recent call first):
  File "<string>", line 1 in <module>""",
    ),
    "python key of a dict": (
        Reason.EXCEPTION,
        """\
Traceback (most recent call last):
  File "/app/main.py", line 1, in <module>
KeyError: 'name'""",
    ),
    "node rejection": (
        Reason.EXCEPTION,
        """\
[eval]:1
Promise.reject(new Error("boom"))
               ^

Error: boom
    at [eval]:1:16
    at runScriptInThisContext (node:internal/vm:209:10)

Node.js v20.20.2""",
    ),
    "node throws a value": (Reason.EXCEPTION, "throw {a:1}\n^\n\n{ a: 1 }\n\nNode.js v20.20.2"),
    "node module": (
        Reason.MISSING_MODULE,
        """\
node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module 'nosuch'
Require stack:
- /app/[eval]
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15) {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/app/[eval]' ]
}

Node.js v20.20.2""",
    ),
    "node port": (
        Reason.PORT_IN_USE,
        """\
node:events:502
      throw er; // Unhandled 'error' event
      ^

Error: listen EADDRINUSE: address already in use 127.0.0.1:41041
    at Server.setupListenHandle [as _listen2] (node:net:1908:16)
Emitted 'error' event on Server instance at:
    at emitErrorNT (node:net:1944:8) {
  code: 'EADDRINUSE',
  port: 41041
}

Node.js v20.20.2""",
    ),
    "node heap": (
        Reason.OUT_OF_MEMORY,
        """\
<--- JS stacktrace --->

FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory
----- Native stack trace -----

"""  # noqa: E501
        + "".join(f" {n}: 0x10fb{n:03} v8::internal::Heap::X() [node]\n" for n in range(1, 40))
        + "Aborted (core dumped)",
    ),
    "java exception": (
        Reason.EXCEPTION,
        """\
Exception in thread "main" java.lang.IllegalStateException: no card
	at Boom.main(Boom.java:1)""",
    ),
    "java memory": (
        Reason.OUT_OF_MEMORY,
        """\
Exception in thread "main" java.lang.OutOfMemoryError: Java heap space
	at Oom.main(Oom.java:1)""",
    ),
    "java class": (
        Reason.MISSING_MODULE,
        """\
Error: Could not find or load main class NoMain
Caused by: java.lang.ClassNotFoundException: NoMain""",
    ),
    # As their documentation and sources have it.
    "spring port": (
        Reason.PORT_IN_USE,
        """\
***************************
APPLICATION FAILED TO START
***************************

Description:

Web server failed to start. Port 8080 was already in use.""",
    ),
    "go panic": (
        Reason.PANIC,
        "panic: runtime error: invalid memory address or nil pointer dereference\n"
        "[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x48f1a2]\n\n"
        + GO_STACK * 8
        + "exit status 2",
    ),
    "go memory": (Reason.OUT_OF_MEMORY, "fatal error: runtime: out of memory\n\n" + GO_STACK),
    "go panic over memory": (
        Reason.OUT_OF_MEMORY,
        "panic: mmap: cannot allocate: out of memory\n\n" + GO_STACK + "exit status 2",
    ),
    "go deadlock": (
        Reason.PANIC,
        "fatal error: all goroutines are asleep - deadlock!\n\n" + GO_STACK,
    ),
    "go port": (
        Reason.PORT_IN_USE,
        "2026/11/01 00:00:00 listen tcp :8080: bind: address already in use\nexit status 1",
    ),
    "rust panic": (
        Reason.PANIC,
        """\
thread 'main' panicked at src/main.rs:2:5:
boom
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
Aborted (core dumped)""",
    ),
    "ruby exception": (
        Reason.EXCEPTION,
        "app.rb:3:in `pay': no card (ArgumentError)\n\tfrom app.rb:7:in `<main>'",
    ),
    "ruby load": (
        Reason.MISSING_MODULE,
        "<internal:/usr/lib/ruby/kernel.rb>:86:in `require': "
        "cannot load such file -- sinatra (LoadError)\n\tfrom app.rb:1:in `<main>'",
    ),
    "ruby environment": (
        Reason.CONFIGURATION,
        'app.rb:1:in `fetch\': key not found: "DATABASE_URL" (KeyError)',
    ),
    "php exception": (
        Reason.EXCEPTION,
        "PHP Fatal error:  Uncaught Exception: boom in /app/index.php:3\n"
        "Stack trace:\n#0 {main}\n  thrown in /app/index.php on line 3",
    ),
    "php memory": (
        Reason.OUT_OF_MEMORY,
        "PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted "
        "(tried to allocate 20480 bytes) in /app/a.php on line 3",
    ),
    ".net exception": (
        Reason.EXCEPTION,
        "Unhandled exception. System.InvalidOperationException: boom\n   at Program.Main()",
    ),
    "c++ exception": (
        Reason.EXCEPTION,
        "terminate called after throwing an instance of 'std::runtime_error'\n"
        "  what():  boom\nAborted (core dumped)",
    ),
    "shared library": (
        Reason.MISSING_MODULE,
        "./server: error while loading shared libraries: libpq.so.5: "
        "cannot open shared object file: No such file or directory",
    ),
    "no such program": (Reason.MISSING_MODULE, "sh: 1: gunicorn: not found"),
    "killed": (Reason.OUT_OF_MEMORY, "GET / 200\nKilled"),
    "kernel": (Reason.OUT_OF_MEMORY, "Out of memory: Killed process 12 (node) total-vm:812345kB"),
    "code 137": (Reason.OUT_OF_MEMORY, "process exited with code 137"),
    "code 143": (Reason.SIGNAL, "npm error command failed\nprocess exited with code 143"),
    "segmentation fault": (Reason.SIGNAL, "Segmentation fault (core dumped)"),
    "sigterm": (Reason.SIGNAL, "received SIGTERM, draining\nshutting down\nbye"),
    "signal 15": (Reason.SIGNAL, "received signal 15\nexiting"),
    "gunicorn": (
        Reason.SIGNAL,
        "[2026-11-01 00:00:00 +0000] [1] [INFO] Handling signal: term\n"
        "[2026-11-01 00:00:00 +0000] [1] [INFO] Shutting down: Master",
    ),
    "child killed": (Reason.SIGNAL, "signal: killed"),
    "missing variable": (Reason.CONFIGURATION, "Error: DATABASE_URL is not set\nexit status 1"),
    "required": (Reason.CONFIGURATION, "missing required environment variable API_KEY"),
    "invalid": (Reason.CONFIGURATION, "Invalid configuration: port must be a number"),
    "health check": (
        Reason.HEALTH_CHECK,
        "Liveness probe failed: HTTP probe failed with statuscode: 503\nreceived SIGTERM",
    ),
    "exit": (Reason.EXIT, "cannot go on\nexit status 1"),
    "shutting down": (Reason.EXIT, "no more work, shutting down"),
    "process exited": (Reason.EXIT, "process exited with code 3"),
    "ordinary": (Reason.UNKNOWN, "GET / 200\nlistening on :8080\nexit page rendered"),
    "nothing": (Reason.UNKNOWN, ""),
    "handlers": (
        Reason.UNKNOWN,
        "registered handlers on SIGTERM and SIGINT\nuncaught exception handler registered",
    ),
    "json traceback": (
        Reason.EXCEPTION,
        r'{"level":"error","exc_info":"Traceback (most recent call last):\nValueError: x"}',
    ),
    "json memory": (
        Reason.OUT_OF_MEMORY,
        r'{"exc_info":"Traceback (most recent call last):\n  File \"a.py\"\nMemoryError"}',
    ),
    "time before an error": (Reason.EXCEPTION, "2026-11-01 00:00:00 Error: no card"),
    "logfmt fatal": (Reason.EXIT, 'time="2026-11-01T00:00:00Z" level=fatal msg="no route"'),
    "json fatal": (Reason.EXIT, '{"level":"fatal","msg":"no route"}'),
    "fatal": (Reason.EXIT, "2026-11-01 00:00:00 FATAL no route to the queue"),
    "no fatal": (Reason.UNKNOWN, "fatal=false\nlog level: not FATAL\nFATALITIES=0"),
    "default": (Reason.UNKNOWN, "environment variable LOG_LEVEL not set, using default info"),
}


@pytest.mark.parametrize(("reason", "text"), CASES.values(), ids=CASES.keys())
def test_what_programs_print_when_they_die(reason: Reason, text: str):
    """The last words of a program tell why it ended."""
    assert restart_reason(text.encode().splitlines()) is reason


ORDINARY = [b"GET /health 200"] * 40
TRACEBACK = [b"Traceback (most recent call last):", b'  File "/app/a.py", line 1', b"ValueError: x"]


@pytest.mark.parametrize(
    "before",
    [TRACEBACK, [b"received SIGTERM"], [b"panic: boom"], [b"MemoryError"], [b"exiting"]],
    ids=["exception", "signal", "panic", "memory", "exit"],
)
def test_what_was_survived_long_before_is_no_reason(before: list[bytes]):
    """A crash with forty ordinary lines after it is not why the container ended."""
    assert restart_reason([*before, *ORDINARY]) is Reason.UNKNOWN


def test_what_fifteen_lines_stand_behind_is_no_reason_any_more():
    """With fourteen behind it a crash is still among the last words."""
    assert restart_reason([b"panic: boom", *ORDINARY[:14]]) is Reason.PANIC
    assert restart_reason([b"panic: boom", *ORDINARY[:15]]) is Reason.UNKNOWN


ASKED = [b"sending SIGTERM to worker.1 (pid 7)"]
CHILD_ENDED = [b"worker.1 exited with code 1"]


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        (CHILD_ENDED, Reason.UNKNOWN),
        (ASKED, Reason.UNKNOWN),
        ([*TRACEBACK, *CHILD_ENDED, *ASKED, b"received SIGTERM"], Reason.EXCEPTION),
        ([*TRACEBACK, b"received SIGTERM", *ASKED, b"exited with 0"], Reason.SIGNAL),
        ([*ASKED, b"panic: boom"], Reason.PANIC),
        ([b"received SIGTERM", *ASKED, *CHILD_ENDED], Reason.SIGNAL),
    ],
)
def test_what_a_supervisor_does_to_its_children_is_no_reason(
    last_words: list[bytes], reason: Reason
):
    """Neither their ends are, nor its requests, nor what answers them; a crash behind one is."""
    assert restart_reason(last_words) is reason


@pytest.mark.found(
    "Where a supervisor that ended for one child's exception stopped several others one by one, "
    "the container counted as ended by a signal.",
    how="the mutants of the reasons: that a later request hides what an earlier one led to",
)
def test_all_that_a_supervisor_asks_for_is_no_reason():
    """The first child ends before the second one is asked to; the second one has to be killed."""
    killed = [b"sending SIGKILL to clock.1 (pid 8)"]
    stopped = [*ASKED, b"received SIGTERM", *killed, b"Killed by SIGKILL"]
    assert restart_reason([*TRACEBACK, *stopped]) is Reason.EXCEPTION
    assert restart_reason([*TRACEBACK, *stopped, *ASKED]) is Reason.EXCEPTION


def test_a_reload_is_no_end():
    """SIGHUP asks a server to read its configuration again."""
    assert restart_reason([b"received SIGHUP, reloading"]) is Reason.UNKNOWN


def test_a_logged_exception_before_sigterm_is_not_the_reason():
    """The later of two equal marks wins: the program lived on after its exception."""
    assert restart_reason([*TRACEBACK, b"GET / 200", b"received SIGTERM"]) is Reason.SIGNAL


def test_an_exception_after_sigterm_is_the_reason():
    """The later of two equal marks wins, the other way round."""
    assert restart_reason([b"received SIGTERM", *TRACEBACK]) is Reason.EXCEPTION


MEMORY = [b"Worker (pid:12) was sent SIGKILL! Perhaps out of memory?"]
PROBE = [b"Readiness probe failed: connection refused"]
SERVED = [b"GET / 200"]
SIGTERM = [b"[1] [INFO] Handling signal: term", b"[1] [INFO] Shutting down: Master"]
GRACEFUL = [b"- Gracefully stopping, waiting for requests to finish", b"- Goodbye!"]
CODE_0 = [b"process exited with code 0"]


@pytest.mark.parametrize(
    ("last_words", "reason"),
    [
        ([*MEMORY, *SIGTERM], Reason.SIGNAL),
        ([*MEMORY, *SERVED, *GRACEFUL], Reason.EXIT),
        ([*TRACEBACK, *SERVED, *GRACEFUL], Reason.EXIT),
        ([*TRACEBACK, *GRACEFUL], Reason.EXCEPTION),
        ([*TRACEBACK, *CODE_0], Reason.EXIT),
        ([b"received SIGTERM", *CODE_0], Reason.SIGNAL),
        ([*TRACEBACK, *SERVED, b"received SIGTERM", *GRACEFUL], Reason.SIGNAL),
        ([*TRACEBACK, *SERVED, *CODE_0, *SERVED], Reason.EXIT),
        ([*PROBE, *SERVED, *SIGTERM], Reason.HEALTH_CHECK),
        ([*PROBE, *SERVED, *GRACEFUL], Reason.HEALTH_CHECK),
        ([*GRACEFUL, *TRACEBACK], Reason.EXCEPTION),
        ([*SIGTERM, *MEMORY], Reason.OUT_OF_MEMORY),
        ([b"panic: boom", b"caught signal 11"], Reason.SIGNAL),
        ([*MEMORY, b"received signal 11"], Reason.OUT_OF_MEMORY),
        ([b"Segmentation fault (core dumped)", b"exiting"], Reason.SIGNAL),
    ],
)
def test_the_last_words_decide(last_words: list[bytes], reason: Reason):
    """A normal end is none of the exceptions and causes that were logged, and survived, before."""
    assert restart_reason(last_words) is reason


def test_an_exit_message_does_not_hide_the_exception():
    """The specific beats the general, although it comes earlier."""
    assert restart_reason([*TRACEBACK, b"process exited with code 1"]) is Reason.EXCEPTION


def test_the_frames_of_a_long_stack_do_not_count():
    """Two hundred frames between the head of a crash and its end do not hide the head."""
    stack = [b"\tat com.acme.Orders.process(Orders.java:12)"] * 200
    lines = [b'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space', *stack]
    assert restart_reason([*lines, b"exiting"]) is Reason.OUT_OF_MEMORY


def test_bytes_that_are_no_utf8_are_read():
    """Invalid UTF-8 around a mark does not hide it."""
    assert restart_reason([b"\xff\xfe panic: \xff", b"\xff"]) is Reason.PANIC
