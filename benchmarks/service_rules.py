"""Rules as a company with many services writes them: each failure of each service, one by one."""

from itertools import islice, product

from exporter.model import Rule, RuleTests

_SERVICES = (
    *("payment", "checkout", "cart", "inventory", "pricing", "search", "catalog", "shipping"),
    *("billing", "invoice", "ledger", "identity", "session", "notification", "mail", "sms"),
    *("recommendation", "review", "media", "gateway"),
)

_FAILURES = (
    ("unreachable", r"connect(?:ion)? to \S+ (?:refused|reset)", "connection to db:5432 refused"),
    ("timeout", r"timed out after \d+ ?ms", "timed out after 1500 ms"),
    ("upstream", r"upstream answered 5\d\d", "upstream answered 503"),
    ("deadlock", "deadlock detected", "deadlock detected"),
    ("retries", r"gave up after \d+ retries", "gave up after 5 retries"),
    ("token", "(?:invalid|expired) token", "expired token"),
    ("quota", "(?i)quota (?:exceeded|exhausted)", "Quota exceeded"),
    ("schema", r"schema mismatch: expected v\d+", "schema mismatch: expected v12"),
    ("breaker", "circuit breaker opened?", "circuit breaker open"),
    ("declined", r"\bdeclined: code=\w+", "declined: code=E51"),
)


def service_rules(count: int) -> tuple[Rule, ...]:
    """The first ``count`` of 200 rules, each with a line that it matches."""
    return tuple(
        Rule(
            name=f"{service}_{failure}",
            regex=rf"\b{service}(?:-service|-worker)?\b.*{regex}",
            tests=RuleTests((f"{service}-service[12]: {example}",), ()),
        )
        for (failure, regex, example), service in islice(product(_FAILURES, _SERVICES), count)
    )
