"""``run``: poll, match and serve until a signal says to stop."""

import logging
import threading
import time
from contextlib import suppress

from exporter import __version__
from exporter.commands.signals import Said, Signals, signals
from exporter.config.credentials import resolve_tokens
from exporter.errors import ConfigError
from exporter.options import Options
from exporter.service.application import Application
from exporter.service.configuration import configuration_of
from exporter.service.wanted import Wanted

LOG = logging.getLogger(__name__)

SERVER_SECONDS = 2.0
STOP_SECONDS = 8.0
"""What is still under way so long after a signal is given up; the contract allows 10 s."""


def run(options: Options) -> int:
    """Run the exporter; returns 0 once a signal has ended it."""
    wanted = load(options)
    application = Application(
        wanted,
        lambda: load(options),
        revision=options.revision,
        lifecycle=options.enable_lifecycle,
    )
    with signals() as heard:
        application.start()
        LOG.info(
            "listening",
            extra={
                "fields": {
                    "addresses": ",".join(f"{h}:{p}" for h, p in application.server.addresses),
                    "telemetry_path": wanted.config.web.telemetry_path,
                    "version": __version__,
                    "run": application.run_id,
                }
            },
        )
        obey(heard, application)
        shut_down(application)
    return 0


def load(options: Options) -> Wanted:
    """What flags, variables and files say now; raises ConfigError with every fault."""
    config = configuration_of(options)
    tokens = resolve_tokens(config, options.environ, options.config_name)
    return Wanted(config, tokens, options.web_config_text)


def obey(heard: Signals, application: Application) -> None:
    """Reload when a signal says so, until one says to stop."""
    while heard.next() is not Said.STOP:
        with suppress(ConfigError):  # the application has said and counted it
            application.reload()


def shut_down(application: Application) -> None:
    """Stop the application; give up what does not end in time, since nothing of it is lost.

    Threads that were given up may still run: ``cli`` exits without them.
    """
    deadline = time.monotonic() + STOP_SECONDS
    LOG.info("stopping")
    application.stop(SERVER_SECONDS)
    ours = threading.current_thread()
    threads = [t for t in threading.enumerate() if t is not ours and not t.daemon]
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    late = [thread.name for thread in threads if thread.is_alive()]
    if late:
        LOG.warning("gave up what was still under way", extra={"fields": {"threads": len(late)}})
        return
    LOG.info("stopped")
