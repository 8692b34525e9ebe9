"""Stack traces: which line begins one, and which lines continue what has begun.

An event is in one ``Phase``; which looks of a line continue it, and where that leads, stands in
one table for all languages. Used by ``events``.
"""

from enum import StrEnum

from exporter.late_regex import compile_late
from exporter.matching.patterns import compile_pattern
from exporter.matching.traces.shapes import LOOKED_AT, Shape
from exporter.model import Level, Rule


class Phase(StrEnum):
    """How far an event has come: what may follow."""

    EXCEPTION = "exception"  # one line, and a frame would show that there is more
    TRACE = "trace"  # Java, Node.js, Deno, .NET, Rust's errors: frames, causes, properties
    NESTED = "nested"  # Java: the exception in this one is to come
    PYTHON = "python"  # frames; the exception's own line is to come
    PYTHON_RAISED = "python_raised"
    PYTHON_JOINED = "python_joined"  # another traceback of the same event is to come
    PYTHON_GROUP = "python_group"
    PYTHON_GROUP_END = "python_group_end"  # of an inner group or of the whole
    NODE = "node"  # a place in a file; the line of source is to come
    NODE_SOURCE = "node_source"
    NODE_CARET = "node_caret"  # what was thrown is to come
    DENO = "deno"  # an uncaught error; the line of source is to come
    DENO_SOURCE = "deno_source"
    BUN = "bun"  # numbered lines of source
    BUN_CARET = "bun_caret"  # what was thrown is to come
    BUN_TRACE = "bun_trace"
    GO = "go"
    GO_OUT = "go_out"  # the runtime says what it is out of; the fatal error is to come
    RUBY = "ruby"
    RUBY_REVERSED = "ruby_reversed"  # frames; the exception's own line is to come
    RUBY_FRAMES = "ruby_frames"
    PHP = "php"  # the message may go on
    PHP_FRAMES = "php_frames"
    RUST = "rust"  # the place of a panic; its message is to come
    RUST_SAID = "rust_said"
    BEAM = "beam"  # Elixir, Erlang: a process ended; the exception may be to come
    BEAM_RAISED = "beam_raised"
    ANNOUNCED = "announced"  # Dart, Mono: the exception is to come
    DART = "dart"  # more of the message, or frames
    DART_FRAMES = "dart_frames"
    NATIVE = "native"  # C++: what it said, and the runtime's last words
    PERL = "perl"
    ENDED = "ended"


_DEEPER = frozenset(
    {
        Shape.AT,
        Shape.INNER,
        Shape.FROM,
        Shape.REVERSED,
        Shape.CARET,
        Shape.SOURCE,
        Shape.CHAINED,
        Shape.INDENTED,
    }
)
"""Looks that continue an event only where they are indented further than its first line."""

_ANYWHERE = frozenset({Shape.INNER})
"""Those of them that may stand at the margin, being sure without it."""

_ANY = frozenset(Shape) - {Shape.BLANK}

_JAVASCRIPT = frozenset({Shape.CAUSED, Shape.CLOSE, Shape.RUNTIME})

_Ways = tuple[tuple[frozenset[Shape], Phase], ...]

_WAYS: dict[Phase, _Ways] = {
    Phase.EXCEPTION: (
        (frozenset({Shape.NESTED}), Phase.NESTED),
        (frozenset({Shape.PHP}), Phase.PHP_FRAMES),
        (frozenset({Shape.DART}), Phase.DART_FRAMES),
        (
            frozenset({Shape.AT, Shape.CAUSED, Shape.INNER, Shape.FROM, Shape.CHAINED})
            | {Shape.RUST, Shape.RUNTIME, Shape.OCAML},
            Phase.TRACE,
        ),
    ),
    Phase.TRACE: (
        (frozenset({Shape.NESTED}), Phase.NESTED),
        (_DEEPER | _JAVASCRIPT | {Shape.RUST, Shape.OCAML}, Phase.TRACE),
    ),
    Phase.NESTED: ((_ANY, Phase.TRACE),),
    Phase.PYTHON: (
        (frozenset({Shape.REVERSED}), Phase.RUBY_REVERSED),
        (_DEEPER | {Shape.CAUSED, Shape.FRAME}, Phase.PYTHON),
        (frozenset({Shape.RAISED}), Phase.PYTHON_RAISED),
    ),
    Phase.PYTHON_RAISED: (
        (_DEEPER | {Shape.NOTE, Shape.CAUSED}, Phase.PYTHON_RAISED),
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
    Phase.DENO: (
        (frozenset({Shape.AT, Shape.CAUSED, Shape.CARET}), Phase.TRACE),
        (_ANY, Phase.DENO_SOURCE),
    ),
    Phase.DENO_SOURCE: ((frozenset({Shape.AT, Shape.CAUSED, Shape.CARET}), Phase.TRACE),),
    Phase.BUN: (
        (frozenset({Shape.SOURCE}), Phase.BUN),
        (frozenset({Shape.CARET}), Phase.BUN_CARET),
    ),
    Phase.BUN_CARET: ((_ANY, Phase.BUN_TRACE),),
    Phase.BUN_TRACE: (
        (frozenset({Shape.SOURCE}), Phase.BUN),
        (frozenset({Shape.RUNTIME}), Phase.ENDED),
        (_DEEPER | _JAVASCRIPT, Phase.BUN_TRACE),
    ),
    Phase.GO: ((_DEEPER | {Shape.GO, Shape.CALL, Shape.NATIVE}, Phase.GO),),
    Phase.GO_OUT: (
        (frozenset({Shape.GO_OUT}), Phase.GO_OUT),
        (frozenset({Shape.GO_FATAL}), Phase.GO),
    ),
    Phase.RUBY: ((_DEEPER | {Shape.LOCATION}, Phase.RUBY_FRAMES),),
    Phase.RUBY_REVERSED: (
        (_DEEPER, Phase.RUBY_REVERSED),
        (frozenset({Shape.RUBY, Shape.LOCATION}), Phase.RUBY_FRAMES),
    ),
    Phase.RUBY_FRAMES: (
        (frozenset({Shape.REVERSED}), Phase.RUBY_REVERSED),
        (_DEEPER | {Shape.LOCATION, Shape.RUBY}, Phase.RUBY_FRAMES),
    ),
    Phase.PHP: (
        (frozenset({Shape.PHP}), Phase.PHP_FRAMES),
        (_DEEPER | {Shape.PLACED}, Phase.PHP),
    ),
    Phase.PHP_FRAMES: (
        (frozenset({Shape.NEXT}), Phase.PHP),
        (_DEEPER | {Shape.PHP}, Phase.PHP_FRAMES),
    ),
    Phase.RUST: ((_ANY, Phase.RUST_SAID),),
    Phase.RUST_SAID: ((_DEEPER | {Shape.RUST, Shape.CLOSE, Shape.NATIVE}, Phase.RUST_SAID),),
    Phase.BEAM: (
        (frozenset({Shape.EXIT}), Phase.BEAM_RAISED),
        (_DEEPER | {Shape.BEAM}, Phase.BEAM),
    ),
    Phase.BEAM_RAISED: ((_DEEPER | {Shape.BEAM, Shape.CLOSE}, Phase.BEAM_RAISED),),
    Phase.ANNOUNCED: ((_ANY, Phase.DART),),
    Phase.DART: (
        (frozenset({Shape.PHP, Shape.DART}), Phase.DART_FRAMES),
        (_DEEPER | {Shape.CLOSE, Shape.TEXT, Shape.RAISED}, Phase.DART),
    ),
    Phase.DART_FRAMES: ((_DEEPER | {Shape.PHP, Shape.DART}, Phase.DART_FRAMES),),
    Phase.NATIVE: ((_DEEPER | {Shape.NATIVE, Shape.PHP}, Phase.NATIVE),),
    Phase.PERL: ((_DEEPER | {Shape.PERL}, Phase.PERL),),
    Phase.ENDED: (),
}

_AFTER = {
    phase: {shape: after for shapes, after in reversed(ways) for shape in shapes}
    for phase, ways in _WAYS.items()
}

UNFINISHED = frozenset(
    {
        Phase.NESTED,
        Phase.PYTHON,
        Phase.PYTHON_JOINED,
        Phase.NODE,
        Phase.NODE_SOURCE,
        Phase.NODE_CARET,
        Phase.DENO_SOURCE,
        Phase.BUN_CARET,
        Phase.GO_OUT,
        Phase.RUBY_REVERSED,
        Phase.RUST,
        Phase.ANNOUNCED,
    }
)
"""Phases in which more has to come."""

STARTS: dict[Phase, bytes] = {
    Phase.EXCEPTION: b" \tCRSsLBNP#-<pdf=",
    Phase.TRACE: b" \tCSsLMBRn}])N(-",
    Phase.ENDED: b"\x00",
    Phase.PYTHON_JOINED: b" \tT",
    Phase.PYTHON_GROUP: b" \t",
    Phase.PYTHON_GROUP_END: b" \tDT",
}
"""What a line that continues an event begins with, in the phases in which that can be said."""

# A line of any looks, or one that may begin an event, continues only what it stands right behind.
_NEAR = {
    (phase, shape): 1
    for phase in (Phase.NODE, Phase.DENO, Phase.RUST, Phase.ANNOUNCED)
    for shape in _ANY
}
_NEAR |= {
    (phase, shape): 2  # there is a blank line between
    for phase in (Phase.NESTED, Phase.NODE_CARET, Phase.BUN_CARET)
    for shape in _ANY
}
_NEAR |= {(Phase.DART, shape): 2 for shape in (Shape.TEXT, Shape.RAISED)}
_NEAR |= {(Phase.BUN, shape): 1 for shape in (Shape.SOURCE, Shape.CARET)}
_NEAR[Phase.BUN_TRACE, Shape.SOURCE] = 2
_NEAR[Phase.RUBY_FRAMES, Shape.RUBY] = 1  # the cause of the error above
_NEAR[Phase.PHP, Shape.PLACED] = 1
_NEAR[Phase.BEAM, Shape.EXIT] = 2

_MESSAGE_LINES = 12
"""How many lines of any looks a message may have."""

_ENDS = r"(?:Error|Exception|Rejection|Throwable)"
_NAME = rf"(?:[A-Za-z_$][\w$]*(?:\.|::|\\))*(?:[A-Z][\w$]*)?{_ENDS}"
_RUBY_CLASS = r"[A-Z]\w*(?:::[A-Z]\w*)*"

_HEADS: dict[Phase, str] = {
    Phase.PYTHON_GROUP: r"\+ Exception Group Traceback \(most recent call last\):\s*$",
    Phase.PYTHON: r"Traceback \(most recent call last\):\s*$",
    Phase.RUST: r"\bthread '[^']*' (?:\(\d+\) )?panicked at \S+:\d+:\d+:$",
    Phase.RUST_SAID: r"\bthread '[^']*' (?:\(\d+\) )?(?:panicked at |has overflowed its stack)"
    r"|^memory allocation of \d+ bytes failed|^The application panicked \(crashed\)",
    Phase.GO_OUT: r"^runtime: (?:goroutine stack exceeds|out of memory)",
    Phase.GO: r"^panic: |^fatal error: |\bhttp: panic serving |\bpanic recovered:|^SIG[A-Z]+: ",
    Phase.NODE: r"^(?:file://)?\S*[^\s.]\.[cm]?[jt]sx?:\d+$|^node:\S+:\d+$",
    Phase.DENO: r"^error: Uncaught ",
    Phase.BUN: r"^ *\d+ \| ",
    Phase.PHP: r"\b(?:Fatal|Recoverable fatal) error: +Uncaught |\{\"exception\":\"\[object\] \("
    r"|\bexception '[\w\\]+' with message '",
    Phase.BEAM: r"^\*\* \(|^=[A-Z]+ REPORT==== |^escript: exception |^\{\"init terminating in "
    r"|\b(?:GenServer|Agent|Task|Process|State machine|Generic server|:gen_\w+) .*"
    r"(?:terminating|raised an exception) *$|#PID<[\d.]+> .*(?:terminated|terminating)$"
    r"|\bChild .* of Supervisor .* (?:terminated|failed to start|shut down abnormally)$"
    r"|\bError in process <[\d.]+> .*with exit value:$",
    Phase.ANNOUNCED: r"^Unhandled [eE]xception: *$",
    Phase.NATIVE: r"^terminate called |^libc\+\+abi: |^==\d+==ERROR: |^thread \d+ panic: "
    r"|^\*\*\* \S.* \*\*\*: terminated",
    Phase.RUBY: rf"^\S+:\d+:in [`'].*\({_RUBY_CLASS}\)$"
    r"|(?:^|\s)(?:[A-Z]\w*::)*[A-Z]\w*(?:Error|Exception|NotFound|Invalid|NotUnique) \(.*\):$"
    r"|(?:^|\s)(?:[A-Z]\w*::)+[A-Z]\w* \(.*\):$",
    Phase.PERL: r" at \S+ line \d+(?:\.$|$|, near \"|, <\w*> (?:line|chunk) \d+\.$)",
    # As short as it may be, since it is tried on many lines: names are no better told by more.
    Phase.EXCEPTION: rf"{_ENDS}(?: \[\w+\])?(?::(?:\s|$)| \{{)|^[\w$.:\\]*{_ENDS}$"
    r"|^(?:Exception in thread \"[^\"]*\" )?(?:[a-z][\w$]*\.)+[A-Z][\w$]*(?::\s|$)"
    r"|^error: |(?i:stack ?trace|backtrace):?$"
    # OCaml, Crystal, Lua, Haskell
    r"|^Fatal error: exception |^Unhandled exception: .*\)$|^stack traceback:$|HasCallStack\):$",
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
    compile_late(regex)
    for regex in (
        r"\bpanic(?: serving \S+| recovered)?: (runtime error): ",
        r"^(fatal error|panic): |\b(panic) (?:serving|recovered)\b|\b(panic)ked at ",
        r"^\s*\*\* \(([A-Za-z][\w.]*)|\bexception (error|exit|throw): ",
        r"\bexception '([\w\\]+)' with message",
        r"^Fatal error: exception ([\w.]+)|^Unhandled exception: .* \(([\w:]+)\)$",
        r"^terminate called .* instance of '([^']+)'|exception of type ([\w:<>]+)",
        r"\bUncaught (?:\(in promise\) )?([\w\\]+)",
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

_RAISED_IN_GROUP = compile_late(rb"\s+\| [A-Za-z_][\w.]*(?::(?: |$)|$)")


def begin(message: bytes) -> Phase:
    """The phase of an event that begins with a message; EXCEPTION where no language is known."""
    message = message[:LOOKED_AT]
    if _ANY_LANGUAGE.search(message) is None:
        return Phase.EXCEPTION
    phase = next(phase for phase, regex in _LANGUAGES if regex.search(message) is not None)
    return Phase.BEAM_RAISED if message.startswith(b"** (") else phase


def follow(phase: Phase, shape: Shape, *, deeper: int, distance: int, lines: int) -> Phase | None:
    """Where a line leads an event; None if it does not continue it.

    Args:
        deeper: how much further it is indented than the event's first line.
        distance: how many lines it stands behind the event's latest one.
        lines: how many the event has.
    """
    after = _AFTER[phase].get(shape)
    if after is None:
        return None
    if shape in _DEEPER and shape not in _ANYWHERE and deeper <= 0 and phase not in _PLACES:
        return None
    if phase is Phase.DART and after is Phase.DART and lines >= _MESSAGE_LINES:
        return None
    return after if distance <= _NEAR.get((phase, shape), distance) else None


_PLACES = frozenset(
    {
        Phase.NODE,
        Phase.NODE_SOURCE,
        Phase.NODE_CARET,
        Phase.DENO,
        Phase.DENO_SOURCE,
        Phase.BUN,
        Phase.BUN_CARET,
        Phase.BUN_TRACE,
        Phase.RUST,
        Phase.NESTED,
        Phase.ANNOUNCED,
    }
)
"""Phases in which source or other text follows, indented as it happens to be."""

_TO_BE_NAMED = {
    Phase.PYTHON: {Phase.PYTHON_RAISED},
    Phase.NODE_CARET: {Phase.TRACE},
    Phase.BUN_CARET: {Phase.BUN_TRACE},
    Phase.GO_OUT: {Phase.GO},
    Phase.RUBY_REVERSED: {Phase.RUBY_FRAMES},
    Phase.RUST: {Phase.RUST_SAID},
    Phase.BEAM: {Phase.BEAM_RAISED},
    Phase.ANNOUNCED: {Phase.DART},
}
"""Phases that end with the exception's own line, and where that leads."""

NAMED_ONCE = frozenset({Phase.BUN_CARET})
"""Of those the ones that may come again in an event, for the causes of what was named first."""

_RUST = frozenset({Phase.RUST, Phase.RUST_SAID})

_RUBY = frozenset({Phase.RUBY, Phase.RUBY_REVERSED, Phase.RUBY_FRAMES})


def names_exception(before: Phase, after: Phase, shape: Shape, message: bytes) -> bool:
    """Whether a line that led from one phase to another is the exception's own, or its header."""
    if after is Phase.PYTHON_GROUP:
        return shape is Shape.GROUP_HEAD or _RAISED_IN_GROUP.match(message) is not None
    return shape is Shape.NEXT or after in _TO_BE_NAMED.get(before, ())


def is_of_language(phase: Phase, language: str | None) -> bool:
    """Whether an event may be of a language: not where two head traces alike and it is the other's.

    Args:
        language: None for any.
    """
    return not (language == "python" and phase in _RUBY)


def exception_in(line: str, phase: Phase) -> str:
    """The class of the exception that a line of an event names; empty if it names none."""
    if phase in _RUST:
        return "panic"
    for regex in _NAMES:
        found = regex.search(line, 0, LOOKED_AT)
        if found is not None and found.lastindex is not None:
            return found[found.lastindex]
    return ""
