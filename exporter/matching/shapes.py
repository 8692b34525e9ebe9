"""What a line near a stack trace looks like, told from the line alone.

Used by ``traces``, which knows what may follow what.
"""

import re
from enum import StrEnum


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
    INNER = "inner"
    FROM = "from_"
    CARET = "caret"
    INDENTED = "indented"
    NEXT = "next"
    PHP = "php"
    CLOSE = "close"
    NODE = "node"
    GO = "go"
    RUBY = "ruby"
    LOCATION = "location"
    CALL = "call"
    NOTE = "note"
    RAISED = "raised"
    TEXT = "text"


_REGEXES = {
    Shape.BLANK: r"\s*$",
    Shape.GROUP_HEAD: r"\s*\+ Exception Group Traceback \(most recent call last\):",
    Shape.GROUP_END: r"\s+\+-+$",
    Shape.GROUP: r"\s+[|+](?:[\s+-]|$)",
    Shape.JOIN: r"During handling of the above exception, another exception occurred:"
    r"|The above exception was the direct cause of the following exception:",
    Shape.TRACEBACK: r"Traceback \(most recent call last\):",
    Shape.AT: r"\s+at \S",
    Shape.CAUSED: r"\s*(?:Caused by|Suppressed): ",
    Shape.INNER: r"\s+---",
    Shape.FROM: r"\s+from \S",
    Shape.CARET: r"\s*[\^~]+\s*$",
    Shape.INDENTED: r"\s+\S",
    Shape.NEXT: r"(?:PHP )?Next \S+: ",
    Shape.PHP: r"(?:PHP )?Stack trace:$|(?:PHP )?#\d+ "
    r"|\[(?:stacktrace|previous exception)\]|\"\} ?$",
    Shape.CLOSE: r"[}\])]",
    Shape.NODE: r"Node\.js v\d|\(Use `node --trace-",
    Shape.GO: r"goroutine \d+|runtime stack:$|created by |exit status \d"
    r"|\[(?:signal|originating) ",
    Shape.RUBY: r"\S+:\d+:in [`'].*\([A-Z]\w*(?:::\w+)*\)$",
    Shape.LOCATION: r"(?:\[[^\]]*\] )*\S+:\d+:in [`']",
    Shape.CALL: r"[\w./*()%@$\[\],~-]+\(.*\)$",
    Shape.NOTE: r"\[(?:SQL|parameters): |\(Background on this error at: ",
    Shape.RAISED: r"(?!(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)\b)"
    r"[A-Za-z_][\w.]*(?::(?: |$)|$)",
}

_SHAPE = re.compile("|".join(f"(?P<{name}>{regex})" for name, regex in _REGEXES.items()).encode())

LOOKED_AT = 1024
"""How many bytes of a line tell its shape."""


def shape_of(message: bytes) -> Shape:
    """The looks of a message."""
    found = _SHAPE.match(message, 0, LOOKED_AT)
    return Shape.TEXT if found is None or found.lastgroup is None else Shape(found.lastgroup)
