"""Checks that need no further request: rate limit, clock, keys of answers, cost."""

from collections.abc import Iterator

from exporter.config.schema import Config
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.doctor.answer_keys import differences
from exporter.doctor.platform_checks import Seen, poll_seconds
from exporter.doctor.verdicts import Check, failed, ok, skipped, warning
from exporter.doctor.witness import Witness
from exporter.model import Endpoint
from exporter.scheduling.pacing import plan
from exporter.service.estimate import available_requests_per_hour, demand_of

RATE_LIMIT = "rate limit"
CLOCK_WARNING = 5.0
CLOCK_FAILURE = 60.0


def rate_limit_check(witness: Witness) -> Check:
    """Return what the headers say of the token's limit and of its other users."""
    name, found = RATE_LIMIT, witness.rate_limit
    if found is None or found.limit is None or found.remaining is None:
        if not any(status < 300 for _, status in witness.statuses):
            return skipped(name, "nothing was answered that could say it")
        remedy = "set api_budget to what the platform grants you"
        return warning(name, "answers do not say how many requests are left", remedy)
    others = max(0.0, found.limit - found.remaining - witness.requests.total())
    detail = (
        f"{found.remaining:.0f} of {found.limit:.0f} requests of this hour are left; other users "
        f"of the token sent about {others:.0f}"
    )
    if not found.remaining:
        return failed(name, detail, "wait, and let other tools send fewer requests")
    if found.remaining < found.limit / 10:
        return warning(name, detail, "let other tools send fewer requests, or use another token")
    return ok(name, detail)


def clock_check(platform_clock: PlatformClock) -> Check:
    """Return how far this machine's clock is from the platform's, at least."""
    if not platform_clock.known:
        return skipped("clock", "no answer had a Date header")
    behind = platform_clock.ahead()
    detail = f"{abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'} the platform's"
    if not behind:
        detail = "the same as the platform's, to the second"
    if abs(behind) > CLOCK_FAILURE:
        return failed("clock", detail, "synchronize this machine's clock (NTP)")
    if abs(behind) > CLOCK_WARNING:
        return warning("clock", detail, "synchronize this machine's clock (NTP)")
    return ok("clock", detail)


def keys_check(witness: Witness) -> Check:
    """Return which keys of answers are new, and which are missing."""
    found = list(differences(witness.answers))
    missing = [f"{each.place}: {', '.join(each.missing)}" for each in found if each.missing]
    new = [f"{each.place}: {', '.join(each.new)}" for each in found if each.new]
    remedy = "send us the report: the platform's API has changed"
    if missing:
        return warning("keys of answers", f"missing in {'; '.join(missing)}", remedy)
    if new:
        return warning(
            "keys of answers", f"new in {'; '.join(new)}; nothing depends on them", remedy
        )
    return ok("keys of answers", "all as documented")


def cost_checks(config: Config, seen: Seen, witness: Witness) -> Iterator[Check]:
    """Yield how long a poll of everything takes, and what an hour costs."""
    apps, components = len(seen.inventory.apps), len(seen.inventory.keys())
    if not components:
        return
    seconds = [
        second
        for endpoint in (Endpoint.LOGS, Endpoint.LOG_CONTENT)
        for second in witness.seconds.get(endpoint, [])
    ]
    taken = poll_seconds(seconds, components * len(config.logs.types), config.logs.workers)
    detail = f"about {taken:.1f} s for one read of all logs, every {config.logs.interval:.0f} s"
    if taken > config.logs.interval:
        yield warning("duration", detail, "raise logs.workers or logs.interval")
    else:
        yield ok("duration", detail)
    wanted, ours = demand_of(config, apps, components), available_requests_per_hour(config)
    planned = plan(wanted, ours)
    detail = f"{wanted.total:.0f} requests an hour of {ours:.0f} for {components} components"
    if planned.stretch > 1:
        interval = config.logs.interval * planned.stretch
        detail += f"; logs are read every {interval:.0f} s in place of {config.logs.interval:.0f} s"
        remedy = "raise logs.interval, use logs.mode: follow, or exclude apps that nobody needs"
        yield warning("cost", detail, remedy)
    else:
        yield ok("cost", detail)
