"""What programs of several languages write: everyday lines, errors, and last words.

Wording as the runtimes and servers themselves have it; names and numbers are made up.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

Text = Callable[[random.Random], str]


@dataclass(frozen=True, slots=True)
class Voice:
    """How one kind of program writes; each text may be of several lines.

    Args:
        everyday: what it writes when all is well.
        errors: what goes wrong while it runs on.
        last_words: what it writes when it crashes.
        start: its first lines in a new container.
        stop: what it writes when it is asked to stop.
    """

    everyday: tuple[Text, ...]
    errors: tuple[Text, ...]
    last_words: tuple[Text, ...]
    start: str
    stop: str


def _fixed(text: str) -> Text:
    return lambda rng: text


def _address(rng: random.Random) -> str:
    return f"10.244.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def _path(rng: random.Random) -> str:
    return rng.choice(("/", "/cart", "/products", "/checkout", f"/products/{rng.randrange(900)}"))


def _gunicorn_access(rng: random.Random) -> str:
    status = rng.choices((200, 302, 404), (90, 7, 3))[0]
    method = rng.choice(("GET", "GET", "GET", "POST"))
    return (
        f'{_address(rng)} - - "{method} {_path(rng)} HTTP/1.1" {status} '
        f'{rng.randrange(200, 9000)} "-" "Mozilla/5.0"'
    )


def _gunicorn_5xx(rng: random.Random) -> str:
    status = rng.choice((500, 502, 503))
    return f'{_address(rng)} - - "POST /checkout HTTP/1.1" {status} 141 "-" "Mozilla/5.0"'


def _node_json(level: str, message: str) -> Text:
    def text(rng: random.Random) -> str:
        document = {"level": level, "msg": message, "job": rng.randrange(100_000), "pid": 17}
        return json.dumps(document, separators=(",", ":"))

    return text


def _go_done(rng: random.Random) -> str:
    invoice, took = rng.randrange(10**6), rng.randrange(90)
    return f'level=info msg="invoice written" invoice={invoice} took={took}ms'


def _go_timeout(rng: random.Random) -> str:
    return (
        'level=error msg="charge failed" err="Post \\"https://payments.internal/charge\\": '
        f'context deadline exceeded" invoice={rng.randrange(10**6)}'
    )


def _rails_request(rng: random.Random) -> str:
    return (
        f"I, [{rng.randrange(10**6):06d} #1]  INFO -- : Completed 200 OK "
        f"in {rng.randrange(5, 200)}ms (Views: 3.1ms | ActiveRecord: 1.2ms)"
    )


def _spring(rng: random.Random) -> str:
    return (
        f"INFO 1 --- [nio-8080-exec-{rng.randrange(1, 9)}] c.e.search.QueryController : "
        f"query took {rng.randrange(3, 90)} ms"
    )


PYTHON = Voice(
    everyday=(_gunicorn_access, _gunicorn_access, _gunicorn_access, _fixed("")),
    errors=(
        _gunicorn_5xx,
        _fixed(
            "Traceback (most recent call last):\n"
            '  File "/app/shop/views.py", line 88, in checkout\n'
            "    total = cart.total()\n"
            '  File "/app/shop/cart.py", line 41, in total\n'
            "    return sum(item.price for item in self.items)\n"
            "TypeError: unsupported operand type(s) for +: 'int' and 'NoneType'"
        ),
        _fixed("[7] [CRITICAL] WORKER TIMEOUT (pid:23)"),
        _fixed(
            "psycopg.OperationalError: connection failed: connection to server at "
            '"10.110.0.3", port 25060 failed: Connection refused'
        ),
    ),
    last_words=(
        _fixed("[7] [ERROR] Worker (pid:23) was sent SIGKILL! Perhaps out of memory?"),
        _fixed(
            "Traceback (most recent call last):\n"
            '  File "/app/wsgi.py", line 3, in <module>\n'
            "    import stripe\n"
            "ModuleNotFoundError: No module named 'stripe'"
        ),
    ),
    start="[1] [INFO] Listening at: http://0.0.0.0:8080 (1)",
    stop="[1] [INFO] Handling signal: term",
)

NODE = Voice(
    everyday=(_node_json("info", "mail sent"), _node_json("info", "queue polled")),
    errors=(
        _node_json("error", "SMTP connection timeout ETIMEDOUT"),
        _fixed(
            "TypeError: Cannot read properties of undefined (reading 'address')\n"
            "    at render (/app/src/mail.js:41:27)\n"
            "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"
        ),
        _fixed("Error: getaddrinfo ENOTFOUND smtp.example.com"),
    ),
    last_words=(
        _fixed(
            "<--- Last few GCs --->\n"
            "[17:0x5d0c000]   181234 ms: Mark-Compact 509.1 (523.2) -> 508.7 (523.4) MB\n"
            "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"
        ),
        _fixed(
            "node:internal/process/promises:394\n"
            "      triggerUncaughtException(err, true /* fromPromise */);\n"
            "Error: connect ECONNREFUSED 10.110.0.3:25061\n"
            "    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)\n"
            "Node.js v22.11.0"
        ),
    ),
    start='{"level":"info","msg":"worker started","pid":17}',
    stop='{"level":"info","msg":"SIGTERM received, draining","pid":17}',
)

GO = Voice(
    everyday=(_go_done,),
    errors=(
        _go_timeout,
        _fixed('level=error msg="tls: failed to verify certificate: x509: expired"'),
    ),
    last_words=(
        _fixed(
            "panic: runtime error: invalid memory address or nil pointer dereference\n"
            "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x6e2a31]\n"
            "\n"
            "goroutine 1 [running]:\n"
            "main.(*Invoice).Total(...)\n"
            "\t/app/invoice.go:57\n"
            "exit status 2"
        ),
    ),
    start='level=info msg="invoices starting" version=1.14.2',
    stop='level=info msg="received terminated, shutting down"',
)

RUBY = Voice(
    everyday=(_rails_request,),
    errors=(
        _fixed(
            "F, [123456 #1] FATAL -- : ActiveRecord::ConnectionTimeoutError (could not obtain a "
            "connection from the pool within 5.000 seconds)"
        ),
        _fixed(
            "E, [123456 #1] ERROR -- : NoMethodError (undefined method `title' for nil:NilClass)\n"
            "app/controllers/posts_controller.rb:19:in `show'"
        ),
        _fixed("I, [123456 #1]  INFO -- : Completed 500 Internal Server Error in 31ms"),
    ),
    last_words=(
        _fixed(
            "! Unable to start worker\n"
            'Address already in use - bind(2) for "0.0.0.0" port 8080 (Errno::EADDRINUSE)'
        ),
        _fixed('KeyError: key not found: "DATABASE_URL"'),
    ),
    start="* Listening on http://0.0.0.0:8080",
    stop="- Gracefully stopping, waiting for requests to finish",
)

JAVA = Voice(
    everyday=(_spring,),
    errors=(
        _fixed(
            "ERROR 1 --- [nio-8080-exec-3] o.a.c.c.C.[dispatcherServlet] : Servlet.service() threw "
            "exception\n"
            'java.lang.NullPointerException: Cannot invoke "String.length()"\n'
            "\tat com.example.search.Index.add(Index.java:64)\n"
            "\tat java.base/java.lang.Thread.run(Thread.java:1583)"
        ),
        _fixed(
            "WARN 1 --- [main] com.zaxxer.hikari.pool.HikariPool : Connection is not available, "
            "request timed out after 30000ms."
        ),
    ),
    last_words=(
        _fixed(
            'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space\n'
            "\tat java.base/java.util.Arrays.copyOf(Arrays.java:3537)\n"
            "Terminating due to java.lang.OutOfMemoryError: Java heap space"
        ),
    ),
    start="INFO 1 --- [main] com.example.search.Application : Started Application in 3.2 seconds",
    stop="INFO 1 --- [ionShutdownHook] o.s.b.w.e.tomcat.GracefulShutdown : Graceful shutdown",
)
