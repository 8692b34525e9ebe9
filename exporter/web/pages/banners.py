"""Why something cannot be seen: one banner for one cause, however many components it hides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exporter.model import ApiFailure, Endpoint
from exporter.web.pages.causes import cause, without_request
from exporter.web.pages.condition import State
from exporter.web.pages.error_hints import hint
from exporter.web.pages.rows import Row

_SERVER_SIDE = frozenset(
    {"server_error", "timeout", "connection", "unexpected", "invalid_response"}
)


@dataclass(frozen=True, slots=True)
class Banner:
    """One cause of blindness.

    Args:
        title: what is the matter, in a sentence.
        advice: what to do.
        hidden: the components of which nothing new is known.
        since: when one of them was last read, in Unix seconds; None if never.
        failures: the failing requests that it explains.
    """

    title: str
    advice: str
    hidden: tuple[Row, ...]
    since: float | None
    failures: tuple[ApiFailure, ...] = ()


def banners(failures: Sequence[ApiFailure], rows: Sequence[Row]) -> tuple[Banner, ...]:
    """The causes: of a whole account first, then those of single logs."""
    found = []
    blind = [row for row in rows if row.condition.state is State.BLIND or row.problems]
    for account in dict.fromkeys(failure.account for failure in failures):
        own = [failure for failure in failures if failure.account == account]
        hidden = [row for row in blind if row.status.account == account]
        banner = _of_account(account, own, hidden)
        if banner is not None:
            found.append(banner)
            blind = [row for row in blind if row.status.account != account]
    return (*found, *_of_logs(blind))


def _of_account(
    account: str, failures: Sequence[ApiFailure], hidden: Sequence[Row]
) -> Banner | None:
    whose = f" of account {account}" if account else ""
    refused = [failure for failure in failures if failure.error == "unauthorized"]
    for failure in refused:
        if failure.endpoint in (Endpoint.APPS, Endpoint.LOGS):
            title = f"DigitalOcean refuses the API token{whose}: nothing new is known"
            return _banner(title, hint(failure), hidden, refused)
    server_side = [failure for failure in failures if failure.error in _SERVER_SIDE]
    endpoints = {failure.endpoint for failure in server_side} - {Endpoint.LOG_CONTENT}
    if Endpoint.APPS in endpoints and len(endpoints) > 1:
        errors = ", ".join(sorted({failure.error for failure in server_side}))
        title = f"DigitalOcean's API is away{whose} ({errors}): nothing new is known"
        words = (
            "Your apps may be fine. Look at status.digitalocean.com; the exporter catches up by "
            "itself."
        )
        return _banner(title, words, hidden, server_side)
    return None


def _of_logs(rows: Sequence[Row]) -> Iterator[Banner]:
    """One for each cause by which logs, or runs of jobs, cannot be read."""
    causes: dict[tuple[bool, str], list[tuple[str, Row]]] = {}
    for row in rows:
        for problem in row.problems:
            found = causes.setdefault((row.status.job is not None, cause(problem)), [])
            found.append((problem, row))
    for (of_jobs, _), found in causes.items():
        hidden = [row for _, row in found]
        if of_jobs:
            what = "The runs of a job" if len(hidden) == 1 else f"The runs of {len(hidden)} jobs"
        else:
            what = "A log" if len(hidden) == 1 else f"Logs of {len(hidden)} components"
        title = f"{what} cannot be read: {without_request(found[0][0])}"
        yield _banner(title, "", hidden, ())


def _banner(
    title: str, words: str, hidden: Sequence[Row], failures: Sequence[ApiFailure]
) -> Banner:
    reads = [read for row in hidden if (read := row.last_read) is not None]
    return Banner(title, words, tuple(hidden), max(reads, default=None), tuple(failures))
