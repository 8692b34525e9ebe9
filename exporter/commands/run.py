"""``run``: poll, match and serve until a signal says to stop."""

import logging
import os
import threading
import time

from exporter import __version__
from exporter.assembly import Application, assemble
from exporter.commands.signals import signals
from exporter.config.credentials import resolve_token
from exporter.errors import ConfigError, Fault
from exporter.options import Options

LOG = logging.getLogger(__name__)

SERVER_SECONDS = 2.0
STOP_SECONDS = 8.0
"""What is still under way so long after a signal is given up; the contract allows 10 s."""


def run(options: Options) -> int:
    """Run the exporter; returns 0 once a signal has ended it."""
    if options.enable_lifecycle:
        flag = "--web.enable-lifecycle"
        raise ConfigError((Fault(flag, "", "not supported yet", "leave it out"),))
    config = options.configuration()
    token = resolve_token(config, options.environ, options.config_file or "configuration")
    application = assemble(config, token, revision=options.revision)
    with signals() as stop:
        application.start()
        LOG.info(
            "listening",
            extra={
                "fields": {
                    "addresses": ",".join(f"{h}:{p}" for h, p in application.server.addresses),
                    "telemetry_path": config.web.telemetry_path,
                    "version": __version__,
                }
            },
        )
        while not stop.wait(1.0):
            pass
        shut_down(application)
    return 0


def shut_down(application: Application) -> None:
    """Stop the application; give up what does not end in time, since nothing of it is lost."""
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
        logging.shutdown()
        os._exit(0)  # the interpreter would wait for them, and no state depends on them
    LOG.info("stopped")
