"""What programs of many kinds were seen to print when they failed: reason, counts and events.

Each kind has several members with other names, spacing and order.
"""

from typing import NamedTuple

import pytest
from collect_fixtures import IDENTITY, KEY, RESTARTED, RUN, WEB, Site, line

from exporter.logs.restarts.exit_account import GRACE_SECONDS
from exporter.logs.restarts.restart_reasons import restart_reason
from exporter.logs.unwrap import unwrap
from exporter.matching.packs import load_packs
from exporter.model import LIVE_PART, LogChunk, Source
from exporter.model import RestartReason as Reason
from exporter.reading.reading import Reading

RULES = {rule.name: rule for rule in load_packs(["default"])}


class Outcome(NamedTuple):
    """What a container's end is counted as.

    Args:
        reason: of the restart.
        counts: lines or events by rule, of those that matched.
        exceptions: what the events name, in order.
    """

    reason: Reason
    counts: dict[str, int]
    exceptions: list[str]


def outcome(text: str, *rules: str) -> Outcome:
    """What is counted of a container that printed a text and ended.

    Args:
        rules: those that count, by name; what counts of all together is held in `test_packs`.
    """
    site = Site(rules=tuple(RULES[name] for name in rules))
    site.series.open_component(KEY, WEB)
    _read(site, RUN, line(600, "listening on :8080"))
    lines = text.strip("\n").split("\n")
    _read(site, RESTARTED, b"".join(line(at / 100, text) for at, text in enumerate(lines)))
    site.clock.now += GRACE_SECONDS
    _read(site, RUN, line(600, "listening on :8080"))  # no exit line has come
    reasons = [
        reason for reason in Reason if site.value("restarts_total", **IDENTITY, reason=reason)
    ]
    assert len(reasons) == 1
    (family,) = site.metrics.log_matches.collect()
    counts = {
        sample.labels["pattern"]: int(sample.value)
        for sample in family.samples
        if sample.value and sample.name.endswith("_total")
    }
    events = site.components.get(KEY).events.events
    return Outcome(reasons[0], counts, [event.fields["exception"] for event in events])


def _read(site: Site, source: Source, text: bytes) -> None:
    reading = Reading(site.pipeline, source, WEB, "d1", tail_lines=1000, from_first_line=True)
    reading.feed(LogChunk(text, LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()


NODE = """\
/app/server.js:14
  throw new Error('no card processor');
  ^

Error: no card processor
    at Object.<anonymous> (/app/server.js:14:9)
    at Module._compile (node:internal/modules/cjs/loader:1521:14)

Node.js v20.11.1
"""
PYTHON = """\
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    pay()
ValueError: no card
"""


def behind(prefix: str, text: str) -> str:
    return "".join(f"{prefix}{each}\n" for each in text.splitlines())


SUPERVISED = {
    "pm2": f"PM2 log: App [api:0] starting in -fork mode-\n{NODE}"
    "2026-11-01T00:00:02: PM2 log: App [api:0] exited with code [1] via signal [SIGINT]\n"
    "2026-11-01T00:00:02: PM2 log: Script /app/server.js had too many unstable restarts (16). "
    'Stopped. "errored"\n2026-11-01T00:00:02: PM2 log: 0 application online, retry = 0',
    "pm2 in a cluster": f"PM2      | App [worker:3] online\n{behind('3|worker  | ', NODE)}"
    "PM2      | App [worker:3] exited with code [1] via signal [SIGTERM]\n"
    "PM2      | App [worker:3] starting in -cluster mode-",
    "concurrently": behind("[0] ", NODE) + "[0] node server.js exited with code 1\n"
    "--> Sending SIGTERM to other processes..\n[1] node worker.js exited with code SIGTERM",
    "concurrently with the other's good end": behind("[1] ", PYTHON)
    + "[1] python main.py exited with code 1\n[0] node migrate.js exited with code 0",
    "turborepo": behind("api:start: ", NODE) + "api:start: npm error code 1",
    "pnpm of several packages": behind("apps/api start: ", NODE) + "apps/api start: Failed",
    "foreman": behind("00:00:02 web.1    | ", NODE) + "00:00:02 web.1    | exited with code 1\n"
    "00:00:02 system   | sending SIGTERM to all processes\n"
    "00:00:02 worker.1 | terminated by SIGTERM\nSIGTERM received",
    "honcho": behind("00:00:02 web.1    | ", PYTHON) + "00:00:02 system   | web.1 stopped (rc=1)\n"
    "00:00:02 system   | sending SIGTERM to worker.1 (pid 13)\n"
    "00:00:02 worker.1 | received SIGTERM, shutting down\n"
    "00:00:02 system   | worker.1 stopped (rc=-15)",
    "supervisord": f"{PYTHON}"
    "2026-11-01 00:00:00,123 WARN exited: web (terminated by SIGABRT; not expected)\n"
    "2026-11-01 00:00:00,123 INFO waiting for worker to die\n"
    "2026-11-01 00:00:01,123 WARN killing 'worker' (13) with SIGKILL\n"
    "2026-11-01 00:00:01,124 WARN stopped: worker (terminated by SIGKILL)",
    "npm": f"{NODE}npm error Lifecycle script `start` failed with error:\nnpm error code 1\n"
    "npm error path /app\nnpm error command failed\nnpm error command sh -c node server.js",
    "pnpm": f"{NODE}\u2009ELIFECYCLE\u2009 Command failed with exit code 1.",
    "yarn": f"{NODE}error Command failed with exit code 1.",
    "gunicorn": "[2026-11-01 00:00:00 +0000] [13] [ERROR] Exception in worker process\n"
    f"{PYTHON}[2026-11-01 00:00:00 +0000] [13] [INFO] Worker exiting (pid: 13)\n"
    "[2026-11-01 00:00:00 +0000] [1] [ERROR] Worker (pid:14) was sent SIGTERM!\n"
    "[2026-11-01 00:00:00 +0000] [1] [ERROR] Worker (pid:13) exited with code 3\n"
    "[2026-11-01 00:00:00 +0000] [1] [ERROR] Shutting down: Master\n"
    "[2026-11-01 00:00:00 +0000] [1] [ERROR] Reason: Worker failed to boot.",
    "tini": f"{PYTHON}[INFO  tini (1)] Main child exited normally (with status '1')",
    "dumb-init": f"{PYTHON}[dumb-init] Received signal 17.\n"
    "[dumb-init] A child with PID 9 was terminated by signal 15.\n"
    "[dumb-init] Child exited with status 1. Goodbye.",
    "s6": f"{PYTHON}[cmd] python exited 1\n[services.d] stopping services\n"
    "s6-svscan: warning: finisher exited 0",
}


@pytest.mark.parametrize("name", SUPERVISED)
def test_what_a_supervisor_says_of_children_is_no_end_of_the_container(name: str):
    """The crash before it is the reason, and one event, whatever prefix its lines have."""
    ours = ("node_uncaught_exception", "python_exception")
    found = outcome(SUPERVISED[name], *ours)
    assert found.reason is Reason.EXCEPTION
    named = [exception for exception in found.exceptions if exception]
    assert len([each for each in named if each in ("Error", "ValueError")]) == 1
    assert sum(found.counts.values()) == 1


REASONS: dict[Reason, list[str]] = {
    Reason.SIGNAL: [
        "pm2 has been killed by signal, dumping process list before exit...\n"
        "PM2 log: App [api:0] exited with code [0] via signal [SIGINT]",
        "00:00:01 system   | SIGTERM received\n"
        "00:00:01 system   | sending SIGTERM to web.1 (pid 12)\n"
        "00:00:02 system   | web.1 stopped (rc=-15)",
        "2026-11-01 00:00:00,123 WARN received SIGTERM indicating exit request\n"
        "2026-11-01 00:00:00,123 INFO waiting for web to die\n"
        "2026-11-01 00:00:01,123 INFO stopped: web (exit status 0)",
        "received SIGTERM, draining\n\u2009ELIFECYCLE\u2009 Command failed.",
        "npm error path /app\nnpm error command failed\nnpm error signal SIGTERM",
        "[01-Nov-2026 00:00:00] NOTICE: Terminating ...\n"
        "[01-Nov-2026 00:00:00] NOTICE: exiting, bye-bye!",
        "2026/11/01 00:00:00 [notice] 1#1: signal 15 (SIGTERM) received from 0, exiting\n"
        "2026/11/01 00:00:00 [notice] 1#1: worker process 7 exited with code 0",
        "[INFO  tini (1)] Main child exited with signal (with signal 'Terminated')",
    ],
    Reason.OUT_OF_MEMORY: [
        "OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory(0x0000000770400000, 2147483648,"
        " 0) failed; error='Not enough space' (errno=12)\n#\n# There is insufficient memory for the"
        " Java Runtime Environment to continue.\n# An error report file is saved as:\n"
        "# /app/hs_err_pid7.log",
        "# Native memory allocation (malloc) failed to allocate 1048576 bytes for Chunk::new",
        "Error occurred during initialization of VM\n"
        "Could not reserve enough space for 2097152KB object heap",
        'eheap_alloc: Cannot allocate 1048576 bytes of memory (of type "heap").\n\n'
        "Crash dump is being written to: erl_crash.dump...done",
        'binary_alloc: Cannot allocate 200000 bytes of memory (of type "binary").',
        "#\n# Fatal JavaScript out of memory: Reached heap limit\n#",
        "PHP Fatal error:  Out of memory (allocated 2097152) (tried to allocate 4096 bytes)",
        "memory allocation of 1152921504606846976 bytes failed\nAborted (core dumped)",
        "fork/exec /app/convert: cannot allocate memory\nexit status 1",
        "npm error command failed\nnpm error signal SIGKILL",
        "Out of memory!",
        "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB",
        "[INFO  tini (1)] Main child exited with signal (with signal 'Killed')",
    ],
    Reason.CONFIGURATION: [
        "Missing encryption key to decrypt file with. Ask your team for your master key and write"
        " it to /rails/config/master.key or put it in the ENV['RAILS_MASTER_KEY'].\nExiting",
        "/app/config/environment.rb:5:in `<main>': ActiveSupport::MessageEncryptor::InvalidMessage"
        " (ActiveSupport::MessageEncryptor::InvalidMessage)",
        "ActiveSupport::EncryptedFile::MissingKeyError: Missing encryption key\nExiting",
        "decouple.UndefinedValueError: API_KEY not found. Declare it as envvar or define a default"
        " value.\n[2026-11-01 00:00:00 +0000] [1] [ERROR] Worker (pid:13) exited with code 3",
        "ERROR: failed to launch: determine start command: when there is no default process a"
        " command is required",
        "ERROR: failed to launch: determine start command: process type worker was not found",
        'nginx: [emerg] unknown directive "prox_pass" in /etc/nginx/conf.d/default.conf:7',
        '2026/11/01 00:00:00 [emerg] 1#1: host not found in upstream "api" in /etc/nginx/x.conf:3',
        "Failed to bind properties under 'shop.retries' to int:\n\n    Property: shop.retries\n"
        '    Value: "many"',
        "Caused by: java.lang.IllegalArgumentException: Could not resolve placeholder 'stripe.key' "
        'in value "${stripe.key}"',
        "java.util.NoSuchElementException: SRCFG00014: The config property shop.key is required but"
        " it could not be found in any config source",
        "error: Environment variable not found: DATABASE_URL.\n  -->  schema.prisma:7",
        "error: Error validating datasource `db`: the URL must start with the protocol `postgres:`",
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for AppSettings\n"
        "database_url\n  Field required [type=missing, input_value={}, input_type=dict]",
        'panic: Fatal error config file: Config File "shop" Not Found in "[/etc/shop]"',
        "panic: required key SHOP_PORT missing value\n\ngoroutine 1 [running]:",
        "================================\n Missing environment variables:\n    DATABASE_URL: "
        "Required\n================================\n\n Exiting with error code 1",
        'ZodError: [\n  {\n    "code": "invalid",\n    "path": [\n      "DATABASE_URL"\n    ]\n'
        '    "message": "Required"\n  }\n]',
        "❌ Invalid environment variables: { STRIPE_KEY: [ 'Required' ] }",
        'Error: Config validation error: "JWT_SECRET" is required',
        "PHP Fatal error:  Uncaught Dotenv\\Exception\\ValidationException: One or more environment"
        " variables failed assertions: APP_KEY is missing.",
        '** (System.EnvError) could not fetch environment variable "SECRET_KEY_BASE" because it is'
        " not set",
        "thread 'main' (7) panicked at src/main.rs:16:51:\nDATABASE_URL must be set: NotPresent",
        'npm error Missing script: "start"',
        "\u2009ERR_PNPM_NO_SCRIPT\u2009 Missing script: serve",
        "main.py: error: the following arguments are required: --queue",
        "Error: NotPresent",
        "called `Result::unwrap()` on an `Err` value: NotPresent",
        "Error: missing field `database_url`",
        "Illuminate\\Encryption\\MissingAppKeyException: No application encryption key.",
    ],
    Reason.PORT_IN_USE: [
        "[2026-11-01 00:00:00 +0000] [7] [ERROR] Connection in use: ('0.0.0.0', 8080)\n"
        "[2026-11-01 00:00:00 +0000] [7] [ERROR] Retrying in 1 second.\n"
        "[2026-11-01 00:00:05 +0000] [7] [ERROR] Can't connect to ('0.0.0.0', 8080)",
        "error: Failed to start server. Is port 8080 in use?\n\nBun v1.4.5 (Linux x64)",
        "error: Uncaught (in promise) AddrInUse: Address already in use (os error 98)",
        "** (MatchError) no match of right hand side value: {:error, :eaddrinuse}",
        "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
        "called `Result::unwrap()` on an `Err` value: Os { code: 98, kind: AddrInUse, message: x }",
        "docker: port is already allocated",
    ],
    Reason.MISSING_MODULE: [
        "exec /usr/local/bin/docker-entrypoint.sh: exec format error",
        "standard_init_linux.go:228: exec user process caused: exec format error",
        "bash: ./server: cannot execute binary file: Exec format error",
        'error: Cannot find module "@shop/db" from "/app/src/list.ts"\n\nBun v1.1.8 (Linux x64)',
        'error: Module not found "file:///app/nosuch.ts".\n    at file:///app/main.ts:1:15',
        "Traceback (most recent call last):\n\t1: from /usr/local/bin/puma:23:in `<main>'\n"
        "/usr/lib/ruby/rubygems.rb:289:in `find_spec_for_exe': can't find gem puma (>= 0.a) with "
        "executable puma (Gem::GemNotFoundException)",
        "Can't locate Mojo/Base.pm in @INC (you may need to install the Mojo::Base module) at a.pl "
        "line 1.\nBEGIN failed--compilation aborted at a.pl line 1.",
        "** (UndefinedFunctionError) function :nosuch.f/0 is undefined (module :nosuch is not "
        "available)",
        "[FATAL tini (7)] exec gunicorn failed: No such file or directory",
        "/usr/bin/python: No module named gunicorn",
        'error: Relative import path "zod" not prefixed with / or ./ or ../',
        "bundler: command not found: puma",
        "./server: /lib/libc.so.6: version `GLIBC_2.34' not found (required by ./server)",
        "no main manifest attribute, in app.jar",
        "Error: LinkageError occurred while loading main class com.acme.Main\n"
        "\tjava.lang.UnsupportedClassVersionError: com/acme/Main",
        "bash: ./server: No such file or directory",
        "\x1b[1;35mModuleNotFoundError\x1b[0m: \x1b[35mNo module named 'flask'\x1b[0m",
    ],
    Reason.EXCEPTION: [
        "error: Uncaught (in promise) Error: no such host\n    at async file:///app/main.ts:3:9",
        "\x1b[0m\x1b[1m\x1b[31merror\x1b[0m: Uncaught (in promise) CardError: no card\n    at a:1",
        "5 |   return order.items.length\n                   ^\nTypeError: undefined is no object"
        "\n      at total (/app/src/cart.ts:5:16)\n\nBun v1.1.20 (Linux x64)",
        "** (RuntimeError) no card\n    main.exs:3: Shop.pay/1",
        "init terminating in do_boot ({badarith,[{shop,go,[],[]}]})",
        "no card at main.pl line 3.\n\tmain::pay(7) called at main.pl line 9",
        "Unhandled exception:\nBad state: no card\n#0      main (file:///app/main.dart:3:3)",
        "libc++abi: terminating due to uncaught exception of type std::runtime_error: no card",
        f"{behind('[0] ', NODE)}[0] node server.js exited with code 1\n"
        "--> Sending SIGTERM to other processes..\n[1] node worker.js exited with code SIGTERM",
        "Error: cannot start\n\nCaused by:\n    0: cannot load\n    1: no such card",
    ],
    Reason.PANIC: [
        "thread 'main' (7) panicked at src/main.rs:4:5:\nno card\nnote: run with it",
        "thread 'main' has overflowed its stack\nfatal runtime error: stack overflow\nAborted",
        "The application panicked (crashed).\nMessage:  no card\nLocation: src/main.rs:12",
    ],
}


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        pytest.param(reason, text, id=f"{reason} {index}")
        for reason, texts in REASONS.items()
        for index, text in enumerate(texts)
    ],
)
def test_the_last_words_of_many_kinds_of_program_give_the_reason(reason: Reason, text: str):
    """Runtimes, libraries and supervisors say the same thing in many ways."""
    lines = f"GET / 200\nGET /cart 200\n{text}".encode().splitlines()
    assert restart_reason([unwrap(each) for each in lines]) is reason


@pytest.mark.parametrize(
    "text",
    [
        "PM2 log: App [api:0] exited with code [0] via signal [SIGINT]",
        "INFO:     Child process [8] died",
        "[pool www] child 12 exited on signal 15 (SIGTERM) after 60.1 seconds from start",
        "2026-11-01 00:00:00,123 INFO exited: job (exit status 0; expected)",
        "[dumb-init] Received signal 17.",
        "java -XX:+HeapDumpOnOutOfMemoryError -jar app.jar",
        "your e-mail address is already in use",
        "LOG_LEVEL is not set, falling back to the default info",
    ],
)
def test_what_is_no_end_gives_no_reason(text: str):
    """Children come and go, and words about memory or settings need not mean the end."""
    assert restart_reason([b"GET / 200", unwrap(text.encode())]) is Reason.UNKNOWN


AGGREGATE = """\
Error connecting to {what} AggregateError [ECONNREFUSED]: 
    at internalConnectMultiple (node:net:1116:18)
    at afterConnectMultiple (node:net:1683:7) {{
  code: 'ECONNREFUSED',
  [errors]: [
    Error: connect ECONNREFUSED ::1:{port}
        at createConnectionError (node:net:1646:14) {{
      errno: -111,
      code: 'ECONNREFUSED',
      port: {port}
    }},
    Error: connect ECONNREFUSED 127.0.0.1:{port}
        at createConnectionError (node:net:1646:14) {{
      errno: -111,
      code: 'ECONNREFUSED',
      port: {port}
    }}
  ]
}}"""  # noqa: W291


@pytest.mark.parametrize(
    ("what", "port", "rule"),
    [
        ("PostgreSQL database", 5432, "postgres_connection_failed"),
        ("the orders", 3306, "mysql_connection_failed"),
        ("cache:", 6379, "redis_connection_failed"),
    ],
)
def test_a_failure_with_two_addresses_counts_once(what: str, port: int, rule: str):
    """An AggregateError says the same in IPv6 and IPv4: one event, one refused connection."""
    found = outcome(AGGREGATE.format(what=what, port=port), "system_connection_refused", rule)
    assert found.counts == {rule: 1, "system_connection_refused": 1}
    assert found.exceptions == ["AggregateError"]


@pytest.mark.parametrize(
    ("text", "rule", "count"),
    [
        ("INFO:     Child process [8] died\nINFO: Child process [9] died", "python_worker_died", 2),
        ("    ECONNREFUSED\n\n  ENOTFOUND", "system_connection_refused", 0),
        ("\u2009ELIFECYCLE\u2009 Command failed.", "node_start_failed", 0),
        ("\u2009ELIFECYCLE\u2009 Command failed with exit code 1.", "node_start_failed", 1),
        ("Traceback (most recent call last):\n\t1: from a.rb:2:in `<main>'\n"
         "a.rb:1:in `pay': no card (ArgumentError)", "python_exception", 0),
        ("Traceback (most recent call last):\n\t1: from a.rb:2:in `<main>'\n"
         "a.rb:1:in `pay': no card (ArgumentError)", "ruby_exception", 1),
        ("exec /app/run: exec format error", "system_program_missing", 1),
        ("Nov 01 00:00:00.126 ERRO thread 'ui' panicked at 'x': /app/v.rs:1", "system_crash", 1),
    ],
)  # fmt: skip
def test_a_rule_counts_what_it_is_about(text: str, rule: str, count: int):
    """Words that look alike are told apart."""
    assert outcome(text, rule).counts.get(rule, 0) == count
