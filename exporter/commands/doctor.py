"""``doctor``: ask the API, read-only, whether all is as the exporter relies on it to be."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from exporter.config.credentials import TokenSource, resolve_tokens
from exporter.config.schema import Config
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.doctor.account_checks import (
    RATE_LIMIT,
    clock_check,
    cost_checks,
    keys_check,
    rate_limit_check,
)
from exporter.doctor.local_checks import local_checks
from exporter.doctor.platform_checks import Examination
from exporter.doctor.report import account_report, report
from exporter.doctor.verdicts import Check, exit_code, failed, ok, skipped
from exporter.doctor.witness import Witness
from exporter.errors import ApiError, ConfigError
from exporter.options import Options
from exporter.service.configuration import configuration_of
from exporter.service.connections import build_budget, connect

NOT_TRIED = 2

_SIGNS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED", "skipped": "skipped"}


def doctor(options: Options) -> int:
    """Print the verdict of each check.

    Returns:
        0 if all is well, warnings allowed; 1 if a check failed; 2 if they could not be made.
    """
    try:
        config = configuration_of(options)
        tokens = resolve_tokens(config, options.environ, options.config_name)
    except ConfigError as error:
        remedy = "correct it; `check` lists every fault as well"
        faults = [failed("configuration", str(fault), remedy) for fault in error.faults]
        show(faults, options.format)
        return NOT_TRIED
    checks = [ok("configuration", "good"), *local_checks(config, options.web_config_text)]
    accounts: list[dict[str, Any]] = []
    for name, token in tokens.items():
        found, seen = _examine(config, token, options.app)
        checks += [check.of_account(name) for check in found]
        accounts.append(seen)
    show(checks, options.format)
    if options.report is not None:
        try:
            text = json.dumps(report(accounts), indent=2, sort_keys=True)
            Path(options.report).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            print(f"--report: cannot be written: {error.strerror}", file=sys.stderr)
            return NOT_TRIED
    return exit_code(checks)


def _examine(
    config: Config, token: TokenSource, app: str | None
) -> tuple[list[Check], dict[str, Any]]:
    """Make the checks of one account; return them, and what the report says of it."""
    witness = Witness()
    budget = build_budget(config, threading.Event(), time.monotonic)
    clock = PlatformClock(time.time, time.monotonic)
    try:
        connections = connect(
            config, token, budget, witness, clock, time.monotonic, witness.answered
        )
    except ConfigError as error:
        faults = [failed("token", str(fault), "put a valid token there") for fault in error.faults]
        return faults, {"checks": {check.name: str(check.verdict) for check in faults}}
    examination = Examination(config, connections, witness, app)
    checks: list[Check] = []
    try:
        checks += examination.checks()
    except ApiError as error:
        checks.append(failed("api", error.detail, "run doctor again"))
    seen = examination.seen
    if RATE_LIMIT not in {check.name for check in checks}:
        checks.append(rate_limit_check(witness))
    checks.append(clock_check(clock))
    checks.append(keys_check(witness) if witness.answers else skipped("keys of answers", "none"))
    checks += cost_checks(config, seen, witness)
    return checks, account_report(checks, witness, seen)


def show(checks: list[Check], form: str) -> None:
    """Print checks as a table or as JSON."""
    if form == "json":
        found = [
            {
                "name": check.name,
                "verdict": str(check.verdict),
                "detail": check.detail,
                "remedy": check.remedy,
            }
            for check in checks
        ]
        print(json.dumps({"checks": found}, indent=2, ensure_ascii=False))
        return
    width = max(len(check.name) for check in checks)
    for check in checks:
        print(f"{_SIGNS[check.verdict]:8} {check.name:{width}}  {check.detail}")
        if check.remedy:
            print(f"{'':8} {'':{width}}  → {check.remedy}")
