"""The report: shapes and figures alone, for a bug report.

No name, id, token, URL, host or text of a log is in it: everything comes from fixed words of this
program, from numbers, and from keys that the API documents for everybody.
"""

import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from exporter import __version__
from exporter.doctor.answer_keys import differences
from exporter.doctor.platform_checks import Seen
from exporter.doctor.verdicts import Check
from exporter.doctor.witness import Witness

_KEY = re.compile(r"[a-z][a-z_]{1,39}")


def account_report(checks: Sequence[Check], witness: Witness, seen: Seen) -> dict[str, Any]:
    """Return what was seen of one account."""
    private = _names(seen)
    kinds = [component.kind for app in seen.all_apps for component in app.components]
    return {
        "checks": {check.name: str(check.verdict) for check in checks},
        "requests": {str(endpoint): n for endpoint, n in witness.requests.items()},
        "statuses": {f"{endpoint} {code}": n for (endpoint, code), n in witness.statuses.items()},
        "errors": {f"{endpoint} {kind}": n for (endpoint, kind), n in witness.errors.items()},
        "seconds": {
            str(endpoint): {"mean": round(sum(each) / len(each), 3), "most": round(max(each), 3)}
            for endpoint, each in witness.seconds.items()
        },
        "refused_websockets": witness.refused_websockets,
        "rate_limit": None if witness.rate_limit is None else asdict(witness.rate_limit),
        "apps": len(seen.all_apps),
        "components": {str(kind): kinds.count(kind) for kind in sorted(set(kinds))},
        "watched_components": len(seen.inventory.keys()),
        "live_urls": seen.live,
        "archive_urls": seen.archives,
        "lines": seen.lines.figures(),
        "keys": {
            str(each.place): {
                "new": [key for key in each.new if _KEY.fullmatch(key) and key not in private],
                "new_unnamed": sum(not _KEY.fullmatch(key) or key in private for key in each.new),
                "missing": list(each.missing),
            }
            for each in differences(witness.answers)
        },
    }


def report(accounts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the whole report; accounts differ by their place alone."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "accounts": list(accounts),
    }


def _names(seen: Seen) -> set[str]:
    """Every name and id that must not get into the report as a key."""
    names = {value for app in seen.all_apps for value in (app.name, app.id)}
    return names | {component.name for app in seen.all_apps for component in app.components}
