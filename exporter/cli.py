"""Commands and flags, and the only place that exits.

Each command stands in ``commands``; here its flags become ``Options``, and what it raises on
purpose becomes a line on standard error and exit code 1.
"""

import argparse
import gc
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import NoReturn

from exporter import __version__
from exporter.config.flags import FLAGS, variable_of
from exporter.errors import ConfigError, ExporterError, Fault
from exporter.log_output import FORMATS, LEVELS, configure_logging
from exporter.options import Options

PROGRAM = "do-app-exporter"
SUMMARY = (
    "Prometheus exporter for DigitalOcean App Platform: reads the run-time logs of every "
    "component, counts errors and crashes, and serves them as metrics."
)
COMMANDS = {
    "run": "poll, match and serve; what no command means",
    "check": "validate the configuration and say what it costs",
    "match": "run the patterns over log files or standard input, offline",
    "demo": "run against a simulated App Platform; nothing else is needed",
    "destinations": "print what makes the platform push logs to an address, or check who does",
    "doctor": "ask the API, read-only, whether all is as the exporter relies on it to be",
    "simulate": "run the simulated App Platform alone",
    "canary": "write numbered lines, to measure whether each of them is counted",
}
"""Each is the function of its name in the module of its name in ``commands``."""

_HELP = {flag: text.replace("`", "") for flag, text in FLAGS}


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the program with the arguments of the process, or with ``argv``, and exit."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # What a command loads stays: to look for garbage meanwhile only takes time.
    gc.disable()
    _exit(command_line(arguments, os.environ))


def _exit(code: int) -> NoReturn:
    """End at once: nothing is left that has to be taken apart, or that should be waited for."""
    logging.shutdown()
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has enough
        code = code or 1
    os._exit(code)


def command_line(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; returns its exit code: 0, 1 for what it could not do, 2 for bad usage."""
    try:
        options = parse(arguments, environ)
        configure_logging(options.log_level, options.log_format)
        return _command(options)
    except ConfigError as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        return 1
    except ExporterError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # whoever read the output has enough
        return 1
    except KeyboardInterrupt:
        return 130


def _command(options: Options) -> int:
    """Run the command, of which alone the module is loaded: ``match`` needs no web server."""
    module = import_module(f"exporter.commands.{options.command}")
    gc.enable()
    code: int = getattr(module, options.command)(options)
    return code


def parse(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """The options that flags and environment variables give.

    Raises:
        ConfigError: an environment variable holds what its flag would not take.
        SystemExit: bad usage, or help or version was asked for.
    """
    first = arguments[0] if arguments else "run"
    named = first in COMMANDS or first in ("-h", "--help", "--version")
    if not named and not first.startswith("-"):
        _parser(first).error(f"unknown command {first!r}; the commands are {', '.join(COMMANDS)}")
    arguments = arguments if arguments and named else ["run", *arguments]
    parsed = _parser(arguments[0]).parse_args(arguments)
    given = {name: value for name, value in vars(parsed).items() if value is not None}
    for name, value in _from_environment(environ).items():
        given.setdefault(name, value)
    for name in ("listen_addresses", "files"):
        if name in given:
            given[name] = tuple(given[name])
    return Options(environ=environ, **given)


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """What environment variables give, by the names of ``Options``."""
    given: dict[str, object] = {}
    for flag, name, allowed in (
        ("--config.file", "config_file", None),
        ("--log.level", "log_level", LEVELS),
        ("--log.format", "log_format", FORMATS),
        ("--web.enable-lifecycle", "enable_lifecycle", ("true", "false")),
    ):
        variable = variable_of(flag)
        value = environ.get(variable, "")
        if not value:
            continue
        if allowed is not None and value not in allowed:
            remedy = f"one of {', '.join(allowed)} would be right"
            raise ConfigError((Fault(variable, "", f"{value!r} is not known", remedy),))
        given[name] = value == "true" if name == "enable_lifecycle" else value
    return given


def _parser(chosen: str) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the flags of one."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=SUMMARY,
        epilog="Every command has its own --help. The API token comes from DIGITALOCEAN_TOKEN, "
        "DIGITALOCEAN_ACCESS_TOKEN or the configuration file, never from the command line.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == chosen:
            _add_flags(name, command)
    return parser


def _add_flags(name: str, command: argparse.ArgumentParser) -> None:
    command.add_argument("--log.level", dest="log_level", choices=LEVELS, help=_HELP["--log.level"])
    command.add_argument(
        "--log.format", dest="log_format", choices=FORMATS, help=_HELP["--log.format"]
    )
    if name in ("run", "check", "match", "destinations", "doctor"):
        command.add_argument(
            "--config.file", dest="config_file", metavar="PATH", help=_HELP["--config.file"]
        )
    if name in ("run", "check"):
        _add_web_flags(command)
    if name == "check":
        _add_check_flags(command)
    if name == "run":
        command.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    if name == "match":
        command.add_argument("--format", choices=("table", "json"), help="How to print the result.")
        command.add_argument(
            "--show", action="store_true", default=None, help="Print the matching lines too."
        )
        command.add_argument(
            "--unmatched",
            action="store_true",
            default=None,
            help="Print, by kind, the lines that look like errors and that no pattern matched.",
        )
        command.add_argument(
            "--explain",
            metavar="NAME",
            help="Print in place of counts why the rule of that name matches each line, or not.",
        )
        command.add_argument(
            "--limit",
            type=_positive,
            metavar="N",
            help="How many lines --explain explains and kinds --unmatched lists; 20.",
        )
        command.add_argument("files", nargs="*", metavar="FILE", help="Logs; - is standard input.")
    if name == "destinations":
        command.add_argument(
            "--url", metavar="URL", help="Where logs are to be pushed: https://HOST[:PORT]."
        )
        command.add_argument("--app", metavar="NAME", help="One app alone.")
        command.add_argument(
            "--check",
            action="store_true",
            default=None,
            help="Print which components push there; exit with 1 if one does not.",
        )
    if name == "simulate":
        command.add_argument(
            "--listen-address",
            dest="listen_address",
            metavar="HOST:PORT",
            help="Where the API listens; its logs come from another free port of that host.",
        )
        command.add_argument("--tls-certificate", metavar="PATH", help="Serve TLS: certificate.")
        command.add_argument("--tls-key", metavar="PATH", help="Serve TLS: its private key.")
        command.add_argument(
            "--push-to",
            metavar="URL",
            help="Push each run-time line there as well, as to OpenSearch: https://HOST[:PORT].",
        )
    if name == "doctor":
        command.add_argument("--app", metavar="NAME", help="Look at this app alone.")
        command.add_argument("--format", choices=("table", "json"), help="How to print the checks.")
        command.add_argument(
            "--report",
            metavar="FILE",
            help="Write what was seen, without any name, token, URL or text, for a bug report.",
        )
    if name == "canary":
        command.add_argument("--rate", metavar="N", help="Lines a second; 1.")
        command.add_argument(
            "--crash-every",
            metavar="LINES|DURATION",
            help="Die on purpose after so many lines or so long; 0 for never; 10m.",
        )
    if name == "demo":
        command.add_argument(
            "--web.listen-address",
            dest="listen_address",
            metavar="HOST:PORT",
            help="Where the exporter listens.",
        )


def _add_check_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--syntax-only",
        dest="syntax_only",
        action="store_true",
        default=None,
        help="Read no file but the configuration: no token, no certificate. For pull requests.",
    )
    command.add_argument(
        "--components",
        type=_positive,
        metavar="N",
        help="Forecast the series and requests of so many components.",
    )
    command.add_argument("--apps", type=_positive, metavar="N", help="The apps of --components; 1.")


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def _add_web_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--web.listen-address",
        dest="listen_addresses",
        action="append",
        metavar="HOST:PORT",
        help=_HELP["--web.listen-address"],
    )
    command.add_argument(
        "--web.config.file",
        dest="web_config_file",
        metavar="PATH",
        help=_HELP["--web.config.file"],
    )
    command.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        metavar="PATH",
        help=_HELP["--web.telemetry-path"],
    )
    command.add_argument(
        "--web.enable-lifecycle",
        dest="enable_lifecycle",
        action="store_true",
        default=None,
        help=_HELP["--web.enable-lifecycle"],
    )
