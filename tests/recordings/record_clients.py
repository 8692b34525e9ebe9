"""Lets real clients die of their errors and keeps what they print, for ``make recordings``.

One program per language (``clients/clients.*``) meets closed ports, and servers that refuse, with
the client that it is given by name, and does not catch what that throws. What it prints stands in
``tests/testdata/recordings/clients``; ``tests/test_recorded_clients.py`` reads it. Of a long stack
the frames in its middle are left out.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from record import (
    BUILD,
    HERE,
    TARGET,
    Language,
    MissingPartError,
    debian,
    last_line,
    ran,
    record_all,
    run,
    with_crates,
    with_go,
    with_jars,
    with_npm,
    with_pypi,
)

sys.path.insert(0, str(HERE.parent))

from postgresql_server import postgresql_server
from redis_server import redis_server

FOLDER = HERE / "clients"
SECONDS = 60

PYPI = (
    *("aiohttp", "asyncpg", "boto3", "celery", "elasticsearch", "grpcio", "httpx", "kafka-python"),
    *("pika", "psycopg[binary]", "pymongo", "pymysql", "redis", "requests", "sqlalchemy", "stripe"),
)
NPM = (
    *("@aws-sdk/client-s3", "@elastic/elasticsearch", "@grpc/grpc-js", "amqplib", "axios"),
    *("bullmq", "got", "ioredis", "kafkajs", "knex", "mongodb", "mongoose", "mysql2", "pg"),
    *("redis", "reflect-metadata", "sequelize", "stripe", "typeorm"),
)
DEBIAN_GO = (
    *("golang-github-aws-aws-sdk-go-dev", "golang-github-go-sql-driver-mysql-dev"),
    *("golang-github-jackc-pgx-v4-dev", "golang-github-lib-pq-dev"),
    *("golang-github-rabbitmq-amqp091-go-dev", "golang-github-segmentio-kafka-go-dev"),
    *("golang-github-shopify-sarama-dev", "golang-google-grpc-dev", "golang-gopkg-redis.v5-dev"),
    "golang-mongodb-mongo-driver-dev",
)
DEBIAN_RUBY = (
    *("ruby-activerecord", "ruby-bunny", "ruby-elasticsearch", "ruby-faraday", "ruby-grpc"),
    *("ruby-mongo", "ruby-mysql2", "ruby-pg", "ruby-redis"),
)
DEBIAN_PHP = (
    *("php-amqp", "php-amqplib", "php-cli", "php-guzzlehttp-guzzle", "php-illuminate-database"),
    *(
        "php-mongodb",
        "php-mysql",
        "php-pgsql",
        "php-predis",
        "php-redis",
        "php-symfony-http-client",
    ),
)
DEBIAN_PERL = (
    *("libdbd-mariadb-perl", "libdbd-mysql-perl", "libdbd-pg-perl", "libmojolicious-perl"),
    *("libmongodb-perl", "libredis-perl", "libwww-perl", "perl"),
)
DEBIAN_JAVA = (
    *("libhikaricp-java", "libhttpclient-java", "libmariadb-java", "libmongodb-java"),
    *(
        "libokhttp-java",
        "libpostgresql-jdbc-java",
        "librabbitmq-client-java",
        "libspring-jdbc-java",
    ),
)
JARS = (
    *("HikariCP", "amqp-client", "bson", "commons-logging", "httpclient", "httpcore"),
    *("mariadb-java-client", "mongo-java-driver", "okhttp", "okio", "postgresql", "slf4j-api"),
    *("slf4j-nop", "spring3-beans", "spring3-core", "spring3-jdbc", "spring3-transaction"),
)
CRATES = {
    **dict.fromkeys(("anyhow", "eyre", "reqwest", "tokio-postgres", "ureq"), ""),
    "hyper": '"client", "http1", "tcp"',
    "tokio": '"macros", "rt-multi-thread"',
}

_MISSING = re.compile(
    r"ModuleNotFoundError|ERR_MODULE_NOT_FOUND|Cannot find module|\(LoadError\)|Can't locate \S+ in"
    r"|Failed opening required|NoClassDefFoundError|Class \"\S+\" not found"
)
"""A library that is not there, not the error of a client."""

_FRAME = re.compile(r"\s+(?:at|from|File) |#\d+ |\s+\d+: ")
_FRAMES = 6


def thinned(text: str) -> str:
    """Return a text without the frames in the middle of each stack, and what belongs to them."""
    lines: list[str] = []
    frames = 0
    for line in text.splitlines():
        deeper = line[:1].isspace() and frames > 0 and not _FRAME.match(line)
        frames = frames + 1 if _FRAME.match(line) else frames if deeper and _is_source(line) else 0
        if frames <= _FRAMES:
            lines.append(line)
    return "\n".join(lines)


def _is_source(line: str) -> bool:
    return line.startswith("    ") and not line.lstrip().startswith(("[", "code", "errno"))


def died(command: Sequence[str | Path], form: str) -> str:
    """Return what a client prints when it dies.

    Raises:
        MissingPartError: it did not come so far.
    """
    try:
        text = ran(*command, form, timeout=SECONDS, stdin=subprocess.DEVNULL).stdout
    except subprocess.TimeoutExpired:
        raise MissingPartError(f"it did not end within {SECONDS} s") from None
    if _MISSING.search(text):
        raise MissingPartError(last_line(text))
    return thinned(text)


class _Refusal(BaseHTTPRequestHandler):
    """Answers 503 to everything."""

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def python() -> tuple[Sequence[str | Path], str]:
    binary, versions = with_pypi(BUILD / "clients_python", PYPI)
    return (binary, FOLDER / "clients.py"), versions


def node() -> tuple[Sequence[str | Path], str]:
    program, versions = with_npm(BUILD / "clients_node", FOLDER / "clients.mjs", NPM)
    return ("node", program), versions


def go() -> tuple[Sequence[str | Path], str]:
    binary = with_go(BUILD / "clients_go", FOLDER / "clients.go")
    return (binary,), run("go", "version") + debian(*DEBIAN_GO)


def ruby() -> tuple[Sequence[str | Path], str]:
    return ("ruby", FOLDER / "clients.rb"), run("ruby", "--version") + debian(*DEBIAN_RUBY)


def php() -> tuple[Sequence[str | Path], str]:
    return ("php", FOLDER / "clients.php"), debian(*DEBIAN_PHP)


def perl() -> tuple[Sequence[str | Path], str]:
    return ("perl", FOLDER / "clients.pl"), debian(*DEBIAN_PERL)


def java() -> tuple[Sequence[str | Path], str]:
    command, version = with_jars(BUILD / "clients_java", FOLDER / "Clients.java", JARS)
    return command, version + debian(*DEBIAN_JAVA)


def rust() -> tuple[Sequence[str | Path], str]:
    binary, versions = with_crates(BUILD / "clients_rust", FOLDER / "clients.rs", CRATES)
    return (binary,), versions


LANGUAGES = {
    "python": Language(sys.executable, python),
    "node": Language("npm", node),
    "go": Language("go", go),
    "ruby": Language("ruby", ruby),
    "php": Language("php", php),
    "perl": Language("perl", perl),
    "java": Language("javac", java),
    "rust": Language("cargo", rust),
}


def main(names: Sequence[str]) -> None:
    """Record the languages that are named, all of them where none is, with servers that refuse."""
    refusal = ThreadingHTTPServer(("127.0.0.1", 0), _Refusal)
    threading.Thread(target=refusal.serve_forever, daemon=True).start()
    with postgresql_server() as postgresql, redis_server(password="one of its own") as redis:
        os.environ["HTTP"] = str(refusal.server_port)
        os.environ["POSTGRESQL"] = str(urlsplit(postgresql.url).port)
        os.environ["REDIS"] = str(urlsplit(redis).port)
        record_all(LANGUAGES, TARGET / "clients", names, died)


if __name__ == "__main__":
    main(sys.argv[1:])
