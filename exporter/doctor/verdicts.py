"""Results of checks, as values."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Args:
        name: what was checked; the same words in every run.
        detail: what was seen; may name apps and components.
        remedy: what to do about it; empty where nothing is to be done.
    """

    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""

    def of_account(self, account: str) -> "Check":
        """Return the check with the account's name, where accounts have names."""
        name = f"{self.name} ({account})" if account else self.name
        return Check(name, self.verdict, self.detail, self.remedy)


def ok(name: str, detail: str) -> Check:
    """Return a check that found all well."""
    return Check(name, Verdict.OK, detail)


def warning(name: str, detail: str, remedy: str) -> Check:
    """Return a check that found what deserves a look."""
    return Check(name, Verdict.WARNING, detail, remedy)


def failed(name: str, detail: str, remedy: str) -> Check:
    """Return a check that found what does not work."""
    return Check(name, Verdict.FAILED, detail, remedy)


def skipped(name: str, detail: str) -> Check:
    """Return a check that was not made, and why."""
    return Check(name, Verdict.SKIPPED, detail)


def exit_code(checks: Iterable[Check]) -> int:
    """Return 1 if a check failed, 0 otherwise; warnings are allowed."""
    return int(any(check.verdict is Verdict.FAILED for check in checks))
