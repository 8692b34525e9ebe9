"""Stack traces: which line begins one, and which lines continue what has begun.

An event is in one ``Phase``; which looks of a line continue it, and where that leads, stands in
one table for all languages: Python, Node.js, Java, .NET, Go, Ruby, PHP. Used by ``events``.
"""

import re
from enum import StrEnum

from exporter.matching.patterns import compile_pattern
from exporter.matching.shapes import LOOKED_AT, Shape
from exporter.model import Level, Rule


class Phase(StrEnum):
    """How far an event has come: what may follow."""

    EXCEPTION = "exception"  # one line, and a frame would show that there is more
    TRACE = "trace"  # Java, Node.js, .NET: frames, causes, properties
    PYTHON = "python"  # frames; the exception's own line is to come
    PYTHON_RAISED = "python_raised"
    PYTHON_JOINED = "python_joined"  # another traceback of the same event is to come
    PYTHON_GROUP = "python_group"
    PYTHON_GROUP_END = "python_group_end"  # of an inner group or of the whole
    NODE = "node"  # a place in a file; the line of source is to come
    NODE_SOURCE = "node_source"
    NODE_CARET = "node_caret"  # what was thrown is to come
    GO = "go"
    RUBY = "ruby"
    RUBY_FRAMES = "ruby_frames"
    PHP = "php"


_DEEPER = frozenset({Shape.AT, Shape.INNER, Shape.FROM, Shape.CARET, Shape.INDENTED})
"""Looks that continue an event only where they are indented further than its first line."""

_ANY = frozenset(Shape) - {Shape.BLANK}

_Ways = tuple[tuple[frozenset[Shape], Phase], ...]

_WAYS: dict[Phase, _Ways] = {
    Phase.EXCEPTION: ((frozenset({Shape.AT, Shape.CAUSED, Shape.INNER, Shape.FROM}), Phase.TRACE),),
    Phase.TRACE: ((_DEEPER | {Shape.CAUSED, Shape.CLOSE, Shape.NODE}, Phase.TRACE),),
    Phase.PYTHON: ((_DEEPER, Phase.PYTHON), (frozenset({Shape.RAISED}), Phase.PYTHON_RAISED)),
    Phase.PYTHON_RAISED: (
        (_DEEPER | {Shape.NOTE}, Phase.PYTHON_RAISED),
        (frozenset({Shape.JOIN}), Phase.PYTHON_JOINED),
    ),
    Phase.PYTHON_JOINED: (
        (frozenset({Shape.TRACEBACK}), Phase.PYTHON),
        (frozenset({Shape.GROUP_HEAD}), Phase.PYTHON_GROUP),
    ),
    Phase.PYTHON_GROUP: (
        (_DEEPER | {Shape.GROUP}, Phase.PYTHON_GROUP),
        (frozenset({Shape.GROUP_END}), Phase.PYTHON_GROUP_END),
    ),
    Phase.PYTHON_GROUP_END: (
        (frozenset({Shape.GROUP}), Phase.PYTHON_GROUP),
        (frozenset({Shape.GROUP_END}), Phase.PYTHON_GROUP_END),
        (frozenset({Shape.JOIN}), Phase.PYTHON_JOINED),
    ),
    Phase.NODE: ((_ANY, Phase.NODE_SOURCE),),
    Phase.NODE_SOURCE: ((frozenset({Shape.CARET}), Phase.NODE_CARET),),
    Phase.NODE_CARET: ((_ANY, Phase.TRACE),),
    Phase.GO: ((_DEEPER | {Shape.GO, Shape.CALL}, Phase.GO),),
    Phase.RUBY: ((_DEEPER | {Shape.LOCATION}, Phase.RUBY_FRAMES),),
    Phase.RUBY_FRAMES: ((_DEEPER | {Shape.LOCATION, Shape.RUBY}, Phase.RUBY_FRAMES),),
    Phase.PHP: ((_DEEPER | {Shape.PHP, Shape.NEXT}, Phase.PHP),),
}

_AFTER = {
    phase: {shape: after for shapes, after in ways for shape in shapes}
    for phase, ways in _WAYS.items()
}

UNFINISHED = frozenset(
    {Phase.PYTHON, Phase.PYTHON_JOINED, Phase.NODE, Phase.NODE_SOURCE, Phase.NODE_CARET}
)
"""Phases in which more has to come."""

STARTS: dict[Phase, bytes] = {
    Phase.EXCEPTION: b" \tCS",
    Phase.TRACE: b" \tCS}])N(",
    Phase.PYTHON_JOINED: b" \tT",
    Phase.PYTHON_GROUP: b" \t",
    Phase.PYTHON_GROUP_END: b" \tDT",
}
"""What a line that continues an event begins with, in the phases in which that can be said."""

# A line of any looks, or one that may begin an event, continues only what it stands right behind.
_NEAR = {(Phase.NODE, shape): 1 for shape in _ANY}
_NEAR |= {(Phase.NODE_CARET, shape): 2 for shape in _ANY}  # there is a blank line between
_NEAR[Phase.RUBY_FRAMES, Shape.RUBY] = 1  # the cause of the error above

_ENDS = r"(?:Error|Exception|Rejection|Throwable)"
_NAME = rf"(?:[A-Za-z_$][\w$]*(?:\.|::|\\))*(?:[A-Z][\w$]*)?{_ENDS}"
_RUBY_CLASS = r"[A-Z]\w*(?:::[A-Z]\w*)*"

_HEADS: dict[Phase, str] = {
    Phase.PYTHON_GROUP: r"\+ Exception Group Traceback \(most recent call last\):\s*$",
    Phase.PYTHON: r"Traceback \(most recent call last\):\s*$",
    Phase.GO: r"^panic: |^fatal error: |\bhttp: panic serving |\bpanic recovered:",
    Phase.NODE: r"^(?:file://)?\S*[^\s.]\.[cm]?[jt]sx?:\d+$|^node:\S+:\d+$",
    Phase.PHP: r"\b(?:Fatal|Recoverable fatal) error: +Uncaught |\{\"exception\":\"\[object\] \(",
    Phase.RUBY: rf"^\S+:\d+:in [`'].*\({_RUBY_CLASS}\)$"
    r"|(?:^|\s)(?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception|NotFound|Invalid|NotUnique) \(.*\):$",
    # As short as it may be, since it is tried on many lines: names are no better told by more.
    Phase.EXCEPTION: rf"{_ENDS}(?: \[\w+\])?(?::(?:\s|$)| \{{)|^[\w$.:\\]*{_ENDS}$"
    r"|^(?:Exception in thread \"[^\"]*\" )?(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?::\s|$)",
}

HEADS = tuple(Rule(phase, regex, Level.INFO) for phase, regex in _HEADS.items())
"""The first lines of traces, for the engine to find with others: matches of these do not count."""

_LANGUAGES = tuple(
    (phase, compile_pattern(regex))
    for phase, regex in _HEADS.items()
    if phase is not Phase.EXCEPTION
)

_ANY_LANGUAGE = compile_pattern(
    "|".join(f"(?:{_HEADS[phase]})" for phase, _ in _LANGUAGES),
)

_NAMES = tuple(
    re.compile(regex)
    for regex in (
        r"\bpanic(?: serving \S+| recovered)?: (runtime error): ",
        r"^(fatal error|panic): |\b(panic) (?:serving|recovered)\b",
        r"\bUncaught ([\w\\]+)",
        r"^(?:PHP )?Next ([\w\\]+): ",
        r"\[object\] \(([\w\\]+)\(",
        rf"\(({_RUBY_CLASS})\)$",
        rf"(?:^|\s)({_RUBY_CLASS}) \(.*\):$",
        rf"(?:^|[\s\[\"(:])({_NAME})(?: \[\w+\])?(?::|$| \{{)",
        r"^(?:Exception in thread \"[^\"]*\" )?((?:[a-z][\w$]*\.)+[A-Z][\w$]*)(?::|$)",
        r"^(?:\s*\| )?([A-Za-z_][\w.]*)(?::|$)",
    )
)

HEADER = "Traceback (most recent call last):"
"""The end of the line that names Python's exception until it names itself."""

_RAISED_IN_GROUP = re.compile(rb"\s+\| [A-Za-z_][\w.]*(?::(?: |$)|$)")


def begin(message: bytes) -> Phase:
    """The phase of an event that begins with a message; EXCEPTION where no language is known."""
    message = message[:LOOKED_AT]
    if _ANY_LANGUAGE.search(message) is None:
        return Phase.EXCEPTION
    return next(phase for phase, regex in _LANGUAGES if regex.search(message) is not None)


def follow(phase: Phase, shape: Shape, *, deeper: int, distance: int) -> Phase | None:
    """Where a line leads an event; None if it does not continue it.

    Args:
        deeper: how much further it is indented than the event's first line.
        distance: how many lines it stands behind the event's latest one.
    """
    after = _AFTER[phase].get(shape)
    if after is None or (shape in _DEEPER and deeper <= 0 and phase not in _PLACES):
        return None
    return after if distance <= _NEAR.get((phase, shape), distance) else None


_PLACES = frozenset({Phase.NODE, Phase.NODE_SOURCE, Phase.NODE_CARET})
"""Phases in which source text follows, indented as it happens to be."""


def names_exception(before: Phase, after: Phase, shape: Shape, message: bytes) -> bool:
    """Whether a line that led from one phase to another is the exception's own, or its header."""
    if after is Phase.PYTHON_GROUP:
        return shape is Shape.GROUP_HEAD or _RAISED_IN_GROUP.match(message) is not None
    raised = before is not after and after in (Phase.PYTHON_RAISED, Phase.TRACE)
    return shape is Shape.NEXT or (raised and before in (Phase.PYTHON, Phase.NODE_CARET))


def exception_in(line: str) -> str:
    """The class of the exception that a line names; empty if it names none."""
    for regex in _NAMES:
        found = regex.search(line, 0, LOOKED_AT)
        if found is not None and found.lastindex is not None:
            return found[found.lastindex]
    return ""
