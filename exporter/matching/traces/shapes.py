"""What a line near a stack trace looks like, judged by the line alone.

Used by ``traces``, which knows what may follow what.
"""

from enum import StrEnum

from exporter.late_regex import compile_late


class Shape(StrEnum):
    """The looks of a line; the first that fits, in this order."""

    BLANK = "blank"
    GROUP_HEAD = "group_head"
    GROUP_END = "group_end"
    GROUP = "group"
    JOIN = "join"
    TRACEBACK = "traceback"
    AT = "at"
    CAUSED = "caused"
    NESTED = "nested"
    INNER = "inner"
    REVERSED = "reversed"
    FROM = "from_"
    CARET = "caret"
    SOURCE = "source"
    CHAINED = "chained"
    INDENTED = "indented"
    NEXT = "next"
    PHP = "php"
    CLOSE = "close"
    RUNTIME = "runtime"
    NATIVE = "native"
    GO_OUT = "go_out"
    GO_FATAL = "go_fatal"
    GO = "go"
    RUST = "rust"
    OCAML = "ocaml"
    EXIT = "exit_"
    BEAM = "beam"
    DART = "dart"
    PERL = "perl"
    RUBY = "ruby"
    LOCATION = "location"
    FRAME = "frame"
    CALL = "call"
    NOTE = "note"
    LOGGED = "logged"
    RAISED = "raised"
    PLACED = "placed"
    TEXT = "text"


_BEAM_FIELDS = "|".join(
    (
        r"Last message(?: \(from .*\))?",
        r"Client \S+ is (?:alive|dead|remote\b.*)$",
        r"(?:State|Data|Queue|Postponed|Function|Server|Request|Pid|Restart|Shutdown|Type|Parent)",
        r"(?:Start Call|Child|Id|Reason|Initial Call|Ancestors|Neighbours|Callback mode)",
        r"Crash dump is being written|Error in process",
    )
)

_REGEXES = {
    Shape.BLANK: r"\s*(?:\[[\w-]{6,40}\]\s*)?$",  # Rails puts its tags before an empty line too
    Shape.GROUP_HEAD: r"\s*\+ Exception Group Traceback \(most recent call last\):",
    Shape.GROUP_END: r"\s+\+-+$",
    Shape.GROUP: r"\s+[|+](?:[\s+-]|$)",
    Shape.JOIN: r"During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:",
    Shape.TRACEBACK: r"Traceback \(most recent call last\):",
    Shape.AT: r"\s+(?:eval )?at \S",
    # Of Java and Deno with the cause behind it, of Rust's anyhow and eyre with it on the next line.
    Shape.CAUSED: r"\s*(?:Caused by|Suppressed):(?:\s|$)",
    Shape.NESTED: r"\s+nested exception is:?\s*$",
    Shape.INNER: r"\s+---|--- End of (?:inner exception )?stack trace",
    Shape.REVERSED: r"\s+\d+: from \S",
    Shape.FROM: r"\s+from \S",
    Shape.CARET: r"\s*[\^~]+\s*$",
    Shape.SOURCE: r"\s*\d+ \|(?: |$)",
    Shape.CHAINED: r"\s+\d+: ",
    Shape.INDENTED: r"\s+\S",
    Shape.NEXT: r"(?:PHP )?Next (?:\S+: |exception ')",
    Shape.PHP: r"(?:PHP )?Stack trace:$|(?:PHP )?#\d+ "
    r"|\[(?:stacktrace|previous exception)\]|\"\} ?$",
    Shape.CLOSE: r"[}\])]",
    Shape.RUNTIME: r"Node\.js v\d|\(Use `node --trace-|Bun v\d",
    Shape.NATIVE: r"(?:\S+: (?:line \d+: )?\s*\d+ +)?(?:Aborted|Segmentation fault)\b"
    r"|thread caused non-unwinding panic|fatal runtime error: "
    # The report of a sanitizer.
    r"|SUMMARY: \w+Sanitizer|==\d+==ABORTING|(?:READ|WRITE) of size |0x[0-9a-f]+ is located |=>0x"
    r"|(?:freed|previously allocated) by thread |Shadow byte",
    Shape.GO_OUT: r"runtime: ",
    Shape.GO_FATAL: r"fatal error: ",
    Shape.GO: r"goroutine \d+|runtime stack:$|created by |exit status \d|PC=0x"
    r"|\.\.\.\d* ?\w+ frames|\[(?:signal|originating) |(?:r[a-z0-9]{1,5}|[cfg]s) +0x[0-9a-f]+$"
    r"|signal arrived during ",
    Shape.RUST: r"[Ss]tack backtrace:$|Location:(?:\s|$)|Message: |note: |Backtrace omitted\b"
    r"|Stacktrace:$|Run with (?:RUST|COLORBT)_",
    Shape.OCAML: r"(?:Raised (?:at|by primitive operation at)|Re-raised at|Called from) \S",
    Shape.EXIT: r"\*\* \(",
    Shape.BEAM: rf"\*\* |\{{\w+,\[|init terminating in |(?:{_BEAM_FIELDS})(?::|\b)",
    Shape.DART: r"<asynchronous suspension>|(?:package|dart|file):\S+ +\d+:\d+ "
    r"|=+ asynchronous gap",
    Shape.PERL: r"(?:BEGIN failed--|Compilation failed in require|Execution of \S+ aborted)"
    r"|\S+ had (?:too many|compilation) errors",
    Shape.RUBY: r"\S+:\d+:in [`'].*\([A-Z]\w*(?:::\w+)*\)$",
    Shape.LOCATION: r"(?:\[[^\]]*\] )*(?:[\w-]+ \([\w.]+\) )?\S+:\d+:in [`']",
    Shape.FRAME: r"> File \"",  # Loguru marks where the exception was caught
    Shape.CALL: r"[\w./*()%@$\[\],~-]+\(.*\)$",
    Shape.NOTE: r"\[(?:SQL|parameters): |\((?:Background on this error at|Network error): ",
    Shape.LOGGED: r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]|\[?\d\d:\d\d:\d\d|\{\"|(?:level|time|ts|msg)="
    r"|(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b"
    r"|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /",
    Shape.RAISED: r"[A-Za-z_][\w.]*(?::(?: |$)|$)",
    Shape.PLACED: r".* in \S+:\d+$",
}

_SHAPE = compile_late("|".join(f"(?P<{name}>{regex})" for name, regex in _REGEXES.items()).encode())

LOOKED_AT = 1024
"""How many bytes of a line tell its shape."""


def shape_of(message: bytes) -> Shape:
    """The looks of a message."""
    found = _SHAPE.match(message, 0, LOOKED_AT)
    return Shape.TEXT if found is None or found.lastgroup is None else Shape(found.lastgroup)
