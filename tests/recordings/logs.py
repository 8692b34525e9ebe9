"""Logs five orders, each at its level, with the logger that is named; ``record.py`` runs it."""

import json
import logging
import logging.config
import sys
from collections.abc import Callable

FORMS: dict[str, Callable[[], None]] = {}


def form(function: Callable[[], None]) -> Callable[[], None]:
    FORMS[function.__name__] = function
    return function


def orders(log) -> None:
    log.debug("order one")
    log.info("order two")
    log.warning("order three")
    log.error("order four")
    log.critical("order five")


def with_handler(handler: logging.Handler, formatter: logging.Formatter | None = None) -> None:
    if formatter is not None:
        handler.setFormatter(formatter)
    logging.basicConfig(level=logging.DEBUG, handlers=[handler])
    orders(logging.getLogger("shop.cart"))


def with_format(text: str) -> None:
    with_handler(logging.StreamHandler(), logging.Formatter(text))


@form
def logging_default() -> None:
    logging.basicConfig(level=logging.DEBUG)
    orders(logging.getLogger("shop.cart"))


@form
def logging_documented() -> None:
    with_format("%(asctime)s - %(name)s - %(levelname)s - %(message)s")


@form
def logging_level_first() -> None:
    with_format("%(levelname)-8s %(asctime)s %(name)s:%(lineno)d %(message)s")


@form
def logging_django_verbose() -> None:
    with_format("%(levelname)s %(asctime)s %(module)s %(process)d %(thread)d %(message)s")


@form
def logging_name_first() -> None:
    with_format("%(name)s:%(levelname)s:%(message)s")


@form
def logging_piped() -> None:
    with_format("%(asctime)s|%(levelname)s|%(threadName)s|%(message)s")


@form
def logging_threads() -> None:
    with_format("%(asctime)s (%(threadName)s) [%(levelname)s] %(funcName)s: %(message)s")


@form
def flask() -> None:
    from flask import Flask

    app = Flask("shop")
    app.logger.setLevel(logging.DEBUG)
    orders(app.logger)


@form
def django_server() -> None:
    from django.utils.log import DEFAULT_LOGGING

    config = json.loads(json.dumps(DEFAULT_LOGGING, default=str))
    formatter = config["formatters"]["django.server"] | {"()": "django.utils.log.ServerFormatter"}
    logging.config.dictConfig(
        {
            "version": 1,
            "formatters": {"server": formatter},
            "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "server"}},
            "root": {"handlers": ["console"], "level": "DEBUG"},
        }
    )
    # It writes no level.
    logging.getLogger("django.server").error('"GET /cart HTTP/1.1" 500 145')


@form
def gunicorn() -> None:
    from gunicorn.config import Config
    from gunicorn.glogging import Logger

    config = Config()
    config.set("loglevel", "debug")
    orders(Logger(config))


@form
def uvicorn() -> None:
    from uvicorn.config import LOGGING_CONFIG

    logging.config.dictConfig(LOGGING_CONFIG)
    log = logging.getLogger("uvicorn.error")
    log.setLevel(logging.DEBUG)
    orders(log)


@form
def hypercorn() -> None:
    import asyncio

    from hypercorn.config import Config
    from hypercorn.logging import Logger

    config = Config()
    config.loglevel = "DEBUG"

    async def log() -> None:
        logger = Logger(config)
        await logger.debug("order one")
        await logger.info("order two")
        await logger.warning("order three")
        await logger.error("order four")
        await logger.critical("order five")

    asyncio.run(log())


@form
def celery() -> None:
    from celery import Celery
    from celery.app.log import Logging

    Logging(Celery("shop")).setup_logging_subsystem(loglevel="DEBUG")
    orders(logging.getLogger("shop.cart"))


@form
def structlog_default() -> None:
    import structlog

    orders(structlog.get_logger().bind(order=12))


@form
def structlog_plain() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(colors=False),
        ]
    )
    orders(structlog.get_logger().bind(order=12))


def _structlog(renderer) -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            renderer,
        ]
    )
    orders(structlog.get_logger().bind(order=12))


@form
def structlog_json() -> None:
    import structlog

    _structlog(structlog.processors.JSONRenderer())


@form
def structlog_pairs() -> None:
    import structlog

    _structlog(structlog.processors.KeyValueRenderer())


@form
def structlog_logfmt() -> None:
    import structlog

    _structlog(structlog.processors.LogfmtRenderer())


@form
def loguru_default() -> None:
    from loguru import logger

    orders(logger)


@form
def loguru_json() -> None:
    from loguru import logger

    logger.remove()
    logger.add(sys.stderr, serialize=True)
    orders(logger)


@form
def json_logger() -> None:
    from pythonjsonlogger.json import JsonFormatter

    with_handler(
        logging.StreamHandler(), JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s")
    )


@form
def json_log_formatter() -> None:
    import json_log_formatter

    with_handler(logging.StreamHandler(), json_log_formatter.VerboseJSONFormatter())


@form
def ecs() -> None:
    import ecs_logging

    with_handler(logging.StreamHandler(), ecs_logging.StdlibFormatter())


@form
def logfmter() -> None:
    from logfmter import Logfmter

    with_handler(
        logging.StreamHandler(),
        Logfmter(keys=["at", "logger"], mapping={"at": "levelname", "logger": "name"}),
    )


@form
def logbook() -> None:
    import logbook

    logbook.StreamHandler(sys.stderr).push_application()
    orders(logbook.Logger("shop"))


@form
def rich() -> None:
    from rich.console import Console
    from rich.logging import RichHandler

    with_handler(
        RichHandler(console=Console(width=100, file=sys.stderr)), logging.Formatter("%(message)s")
    )


@form
def colorlog() -> None:
    import colorlog

    with_handler(colorlog.StreamHandler(), colorlog.ColoredFormatter(force_color=True))


@form
def coloredlogs() -> None:
    import coloredlogs

    coloredlogs.install(level="DEBUG")
    orders(logging.getLogger("shop.cart"))


@form
def absl() -> None:
    from absl import logging as absl_logging

    absl_logging.use_absl_handler()
    absl_logging.set_verbosity(absl_logging.DEBUG)
    absl_logging.info("order two")
    absl_logging.warning("order three")
    absl_logging.error("order four")


@form
def tornado() -> None:
    from tornado.log import LogFormatter

    with_handler(logging.StreamHandler(), LogFormatter(color=False))


@form
def twisted() -> None:
    from twisted.logger import Logger, globalLogBeginner, textFileLogObserver

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    log = Logger("shop.cart")
    log.debug("order one")
    log.info("order two")
    log.warn("order three")
    log.error("order four")
    log.critical("order five")


@form
def sanic() -> None:
    from sanic.log import LOGGING_CONFIG_DEFAULTS

    logging.config.dictConfig(LOGGING_CONFIG_DEFAULTS)
    log = logging.getLogger("sanic.error")
    log.setLevel(logging.DEBUG)
    orders(log)


@form
def logging_opentelemetry() -> None:
    """As OpenTelemetry's instrumentation sets it."""
    logging.setLogRecordFactory(lambda *every, **named: _traced(logging.LogRecord(*every, **named)))
    with_format(
        "%(asctime)s %(levelname)s [%(name)s] [%(filename)s:%(lineno)d] [trace_id=%(trace)s "
        "span_id=%(trace)s resource.service.name=shop trace_sampled=True] - %(message)s"
    )


def _traced(record: logging.LogRecord) -> logging.LogRecord:
    record.trace = "0"
    return record


@form
def logging_transformers() -> None:
    with_format("[%(levelname)s|%(filename)s:%(lineno)s] %(asctime)s >> %(message)s")


@form
def logging_vllm() -> None:
    log = "%(levelname)s %(asctime)s [%(filename)s:%(lineno)d] %(message)s"
    with_handler(logging.StreamHandler(), logging.Formatter(log, datefmt="%m-%d %H:%M:%S"))


@form
def logging_ray() -> None:
    with_format("%(asctime)s\t%(levelname)s %(filename)s:%(lineno)s -- %(message)s")


@form
def logging_daphne() -> None:
    with_format("%(asctime)-15s %(levelname)-8s %(message)s")


@form
def logging_hostnames() -> None:
    with_format("%(levelname)s [%(asctime)s] web-0 %(name)s.%(funcName)s(%(lineno)d): %(message)s")


@form
def opentelemetry_console() -> None:
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import ConsoleLogExporter, SimpleLogRecordProcessor

    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(ConsoleLogExporter()))
    with_handler(LoggingHandler(level=logging.DEBUG, logger_provider=provider))


@form
def aws_powertools() -> None:
    from aws_lambda_powertools import Logger

    orders(Logger(service="shop", level="DEBUG"))


@form
def daiquiri() -> None:
    import daiquiri as library

    library.setup(level=logging.DEBUG)
    orders(library.getLogger("shop.cart"))


@form
def dramatiq() -> None:
    from dramatiq.cli import LOGFORMAT

    with_format(LOGFORMAT)


@form
def scrapy() -> None:
    from scrapy.utils.log import configure_logging

    configure_logging({"LOG_LEVEL": "DEBUG"})
    orders(logging.getLogger("shop.cart"))


@form
def luigi() -> None:
    with_format("%(levelname)s: %(message)s")


@form
def oslo() -> None:
    from oslo_config import cfg
    from oslo_log import log

    log.register_options(cfg.CONF)
    cfg.CONF(["--debug"])
    log.setup(cfg.CONF, "shop")
    orders(log.getLogger("shop.cart"))


@form
def oslo_json() -> None:
    from oslo_log.formatters import JSONFormatter

    with_handler(logging.StreamHandler(), JSONFormatter())


@form
def google_cloud() -> None:
    from google.cloud.logging_v2.handlers import StructuredLogHandler

    with_handler(StructuredLogHandler())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        FORMS[sys.argv[1]]()
    else:
        print("\n".join(FORMS))
