"""Rules as people write them for their own logs, such as every program that searches can have."""

from exporter.model import Rule, RuleTests

_RULES = (
    ("level", r"\b(?:ERROR|FATAL|CRITICAL)\b", "2026-11-01 ERROR [main] order 12 failed"),
    ("json_level", r'"level": ?"(?:error|fatal)"', '{"level":"error","msg":"order failed"}'),
    ("logfmt_level", r"\blevel=(?:error|fatal)\b", 'level=error msg="order failed"'),
    ("exception", r"\b[A-Z]\w+(?:Error|Exception): ", "ValueError: invalid literal for int()"),
    ("traceback", r"Traceback \(most recent call last\)", "Traceback (most recent call last):"),
    ("panic", r"(?i)\bpanic(?:ked)?\b", "panic: runtime error: index out of range"),
    ("memory", r"(?i)out ?of ?memory", "java.lang.OutOfMemoryError: Java heap space"),
    ("refused", r"(?i)connection (?:refused|reset)", "dial tcp 10.0.0.4:5432: connection refused"),
    ("socket", r"\bE(?:CONN(?:REFUSED|RESET)|TIMEDOUT|PIPE)\b", "connect ECONNREFUSED 127.0.0.1"),
    ("timeout", r"(?i)timed out after \d+ ?m?s", "call to billing timed out after 1500 ms"),
    ("status", r'" 5\d\d \d+ ', '10.0.3.7 - - "GET /cart HTTP/1.1" 503 162 "-" "curl/8.5"'),
    ("deadlock", r"(?i)deadlock (?:detected|found)", "ERROR:  deadlock detected"),
    ("connections", r"(?i)too many (?:connections|clients)", "FATAL: too many connections for web"),
    ("rejection", r"Unhandled ?Promise ?Rejection", "UnhandledPromiseRejectionWarning: Error"),
    ("permission", r"(?i)permission denied|access denied", "open /data/app.db: permission denied"),
    ("file", r"(?i)no such file or directory", "stat /etc/app.yml: no such file or directory"),
    ("signal", r"\bSIG(?:SEGV|ABRT|BUS|KILL)\b", "signal SIGSEGV: segmentation violation"),
    ("certificate", r"(?i)certificate (?:has )?expired", "x509: certificate has expired"),
    ("duplicate", r"duplicate key value .* constraint", "duplicate key value violates constraint"),
    ("exit", r"exited with (?:code|status) [1-9]\d*", "worker 12 exited with code 137"),
)


def common_rules(count: int) -> tuple[Rule, ...]:
    """The first ``count`` of 20 rules, each with a line that it matches."""
    return tuple(
        Rule(name=name, regex=regex, tests=RuleTests((example,), ()))
        for name, regex, example in _RULES[:count]
    )
