"""All rules over all new text in one pass: Hyperscan finds candidate lines, RE2 decides.

The exact meaning is that of each rule's ``decision``, which RE2 makes: a rule matches a message
once, however much of it is found. Hyperscan reads whole blocks of lines and only proposes, so what
it reports too much costs time and never a wrong count; rules for which it can propose nothing are
tried on each message.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import NamedTuple, Protocol

from exporter.matching.deciding import Asked, decided
from exporter.matching.decision import Decision, decision_of
from exporter.matching.fields import FieldReader
from exporter.matching.prefilter.candidates import Candidates, DatabaseCache, Places
from exporter.matching.severity import SPACES, Before, SeverityReader
from exporter.matching.severity.silence import Silence
from exporter.model import Rule, WrappedMessage

_BLOCK_BYTES = 1 << 20
"""How much Hyperscan scans at once: bounds the candidates held, and fits the CPU's cache."""

_NEWLINE = ord("\n")

_FEW = 16
"""For so many candidates that can be sifted at once this costs more than it spares."""

MessageOf = Callable[[bytes], bytes]
"""What of a line is its message: all of it, or what stands behind a digit or ``Z`` and a space, as
behind a time; up to the line's end, or to a carriage return at its end."""


class Unwrapping(Protocol):
    """Makes of a message what rules search in; see ``exporter.logs.unwrap``."""

    @property
    def marks(self) -> Sequence[bytes]:
        """Regexes for Hyperscan, of which one is found in each line whose message changes.

        But for the lines that ``also_marked`` finds.
        """

    def also_marked(self, text: bytes, start: int, end: int) -> list[int]:
        """Return the newlines of further lines, by their offset in ``text``, that may change."""

    def __call__(self, message: bytes) -> bytes:
        """Return what rules search in, without a newline; ``message`` if that is all of it."""


class Match(NamedTuple):
    """A rule found in a message, both by their index."""

    rule: int
    message: int


class Examined(NamedTuple):
    """What some messages hold.

    Args:
        matches: every match, in the order of messages, then of rules.
        unwrapped: the messages that unwrapping changes, as it leaves them, by their index.
    """

    matches: list[Match]
    unwrapped: Mapping[int, bytes]


class LineMatch(NamedTuple):
    """A rule, by its index, found in the line ``text[start:end]``, which has no newline."""

    rule: int
    start: int
    end: int


class _Scan(NamedTuple):
    """What one scan goes by.

    Args:
        wanted: indexes of the rules to apply; None applies all.
        message_of: what of a line is its message; None where that is all of it.
        context: lines before the text.
        changed: takes the messages that unwrapping changes, by the offset of their newline.
    """

    wanted: frozenset[int] | None
    message_of: MessageOf | None
    context: Sequence[bytes]
    changed: dict[int, bytes]


class Engine:
    """A fixed set of rules, ready to scan; any number of threads may use it at a time."""

    def __init__(
        self,
        rules: Sequence[Rule],
        watch: Callable[[Decision], Decision] | None = None,
        unwrap: Unwrapping | None = None,
        cache: DatabaseCache | None = None,
    ) -> None:
        """Compile ``rules``.

        Args:
            rules: the rules; results name them by their index.
            watch: wraps what decides for each rule, in their order.
            unwrap: is applied to every message; None searches in them as they are.
            cache: keeps what takes long to compile.

        Raises:
            ValueError: RE2 refuses a regex; the message names the rule and gives the reason.
        """
        self.rules = tuple(rules)
        self.fields = FieldReader()
        self.severities = SeverityReader()
        self.decisions = tuple(
            decision_of(rule, self.fields, self.severities) for rule in self.rules
        )
        if watch is not None:
            self.decisions = tuple(map(watch, self.decisions))
        self.unwrap = unwrap
        self._candidates = Candidates(
            [decision.proposal for decision in self.decisions],
            () if unwrap is None else unwrap.marks,
            cache,
        )
        self._silence = Silence(cache)
        self._by_wrapper = [i for i, each in enumerate(self.decisions) if each.by_wrapper]

    @property
    def re2_only(self) -> tuple[Rule, ...]:
        """The rules that Hyperscan cannot propose for: each costs one RE2 search a message."""
        return tuple(self.rules[index] for index in self._candidates.missing)

    def scan(
        self,
        messages: Sequence[bytes],
        enabled: Collection[int] | None = None,
        message_of: MessageOf | None = None,
        context: Sequence[bytes] = (),
    ) -> list[Match]:
        """Return every match of every rule, in the order of messages, then of rules.

        Args:
            messages: any bytes, newlines and invalid UTF-8 included.
            enabled: indexes of the rules to apply; None applies all.
            message_of: what of each is its message; None where that is all of it.
            context: what stands before them: one of them may be a part of more.
        """
        return self.examine(messages, enabled, message_of, context).matches

    def examine(
        self,
        messages: Sequence[bytes],
        enabled: Collection[int] | None = None,
        message_of: MessageOf | None = None,
        context: Sequence[bytes] = (),
    ) -> Examined:
        """Return what ``scan`` does, and which messages unwrapping changes.

        One pass finds both: a message that is not named stands as it is.
        """
        if not messages:
            return Examined([], {})
        text = b"\n".join((*messages, b""))
        if text.count(b"\n") != len(messages):
            return self._examine_each(messages, enabled, message_of)
        found, scan = [], _Scan(_chosen(enabled), message_of, context, {})
        index, counted = 0, 0
        for match in self._scan_text(text, len(text), scan):
            index += text.count(b"\n", counted, match.start)
            counted = match.start
            found.append(Match(match.rule, index))
        unwrapped = {}
        index, counted = 0, 0
        for newline, message in sorted(scan.changed.items()):
            index += text.count(b"\n", counted, newline)
            counted = newline
            unwrapped[index] = message
        return Examined(found, unwrapped)

    def scan_text(
        self,
        text: bytes,
        enabled: Collection[int] | None = None,
        message_of: MessageOf | None = None,
        end: int | None = None,
        context: Sequence[bytes] = (),
    ) -> Iterator[LineMatch]:
        """Yield every match of every rule in the lines of ``text``, in their order, then by rule.

        Args:
            text: lines, each ended by a newline but for the last, which need not be.
            enabled: indexes of the rules to apply; None applies all.
            message_of: asked of candidate lines only; None where lines are messages.
            end: how much of ``text`` to scan, a whole number of lines; None scans all.
            context: lines before the text.
        """
        end = len(text) if end is None else end
        return self._scan_text(text, end, _Scan(_chosen(enabled), message_of, context, {}))

    def _scan_text(self, text: bytes, end: int, scan: _Scan) -> Iterator[LineMatch]:
        start = 0
        while start < end:
            stop = _block_end(text, start, end)
            yield from self._scan_block(text, start, stop, scan)
            start = stop

    def _scan_block(self, text: bytes, start: int, end: int, scan: _Scan) -> list[LineMatch]:
        if text[end - 1] != _NEWLINE:
            text = text[:end] + b"\n"
            end += 1
        found, marked = self._candidates.find(text, scan.wanted, start, end)
        also = () if self.unwrap is None else self.unwrap.also_marked(text, start, end)
        unwrapped: Mapping[int, bytes] = {}
        if marked or also:
            unwrapped = self._unwrapped(text, start, (*marked, *also), scan.message_of)
        if unwrapped or self._candidates.missing:
            scan.changed.update(unwrapped)
            found = self._all_candidates(text, start, end, scan.wanted, found, unwrapped)
        if not found:
            return []
        siftable = (len(of) for rule, of in found.items() if self.decisions[rule].sift is not None)
        if sum(siftable) <= _FEW:
            return self._decide_each(text, start, found, scan)
        places = set[int]().union(*found.values())
        lines = {at: text.rfind(b"\n", start, at) + 1 or start for at in places}
        messages = {at: text[line:at] for at, line in lines.items()}
        if scan.message_of is not None:
            message_of = scan.message_of
            messages = {at: message_of(line) for at, line in messages.items()}
        if unwrapped:
            messages |= {at: unwrapped[at] for at in places & unwrapped.keys()}

        def before(at: int) -> Before:
            return partial(self._before, text, lines[at], scan.message_of, scan.context)

        matched = sorted(decided(self.decisions, found, Asked(messages, before), self._silence))
        return [LineMatch(rule, lines[at], at) for at, rule in matched]

    def _decide_each(
        self, text: bytes, start: int, candidates: Places, scan: _Scan
    ) -> list[LineMatch]:
        """Return the candidates that match: one by one, which for a few costs least."""
        message_of, unwrapped, decisions = scan.message_of, scan.changed, self.decisions
        matched = []
        newline, line_start, message = -1, start, b""
        for at, rule in sorted({(at, rule) for rule, of in candidates.items() for at in of}):
            if at != newline:
                newline = at
                line_start = text.rfind(b"\n", start, at) + 1 or start
                if at in unwrapped:
                    message = unwrapped[at]
                else:
                    message = text[line_start:at]
                    if message_of is not None:
                        message = message_of(message)
            if message[:1] not in SPACES:
                matches = decisions[rule].matches(message)
            else:
                before = partial(self._before, text, line_start, message_of, scan.context)
                matches = decisions[rule].matches(message, before)
            if matches:
                matched.append(LineMatch(rule, line_start, at))
        return matched

    def _all_candidates(
        self,
        text: bytes,
        start: int,
        end: int,
        wanted: frozenset[int] | None,
        found: Places,
        unwrapped: Mapping[int, bytes],
    ) -> Places:
        """Return the candidates of a block, also those in what unwrapping changes."""
        places = {rule: [at for at in of if at not in unwrapped] for rule, of in found.items()}
        for rule, at in self._candidates_in(unwrapped, wanted) if unwrapped else ():
            places.setdefault(rule, []).append(at)
        for rule in self._candidates.missing:
            if wanted is None or rule in wanted:
                places[rule] = list(_line_ends(text, start, end))
        return places

    def _before(
        self, text: bytes, end: int, message_of: MessageOf | None, context: Sequence[bytes]
    ) -> Iterator[bytes]:
        """Yield the messages before the line that begins at ``end``, the nearest first."""
        lines = chain(_lines_before(text, end), reversed(context))
        for line in lines if message_of is None else map(message_of, lines):
            yield line if self.unwrap is None else self.unwrap(line)

    def _unwrapped(
        self, text: bytes, start: int, marked: Sequence[int], message_of: MessageOf | None
    ) -> dict[int, bytes]:
        """Return the messages of marked lines that unwrapping changes, by their newline's offset.

        Args:
            start: where the first line of the block starts.
            marked: the offset of each marked line's newline.
        """
        unwrap, changed = self.unwrap, {}
        if unwrap is not None:
            for at in marked:
                message = text[text.rfind(b"\n", start, at) + 1 or start : at]
                if message_of is not None:
                    message = message_of(message)
                inner = unwrap(message)
                if inner != message:
                    changed[at] = inner
        return changed

    def _candidates_in(
        self, unwrapped: Mapping[int, bytes], wanted: frozenset[int] | None
    ) -> Iterator[tuple[int, int]]:
        """Yield the rules that may match unwrapped messages, each with the newline of its line."""
        text = b"\n".join((*unwrapped.values(), b""))
        found, _ = self._candidates.find(text, wanted)
        for at, message in unwrapped.items():
            if isinstance(message, WrappedMessage):
                for rule in self._by_wrapper:
                    if wanted is None or rule in wanted:
                        yield rule, at
        if found:
            places = dict(zip(_line_ends(text, 0, len(text)), unwrapped, strict=True))
            for rule, several in found.items():
                for at in several:
                    yield rule, places[at]

    def _examine_each(
        self,
        messages: Sequence[bytes],
        enabled: Collection[int] | None,
        message_of: MessageOf | None,
    ) -> Examined:
        """Examine messages that hold newlines, and are no lines, by RE2 alone."""
        if message_of is not None:
            messages = list(map(message_of, messages))
        unwrapped = {}
        if self.unwrap is not None:
            inner = list(map(self.unwrap, messages))
            pairs = enumerate(zip(messages, inner, strict=True))
            unwrapped = {index: text for index, (message, text) in pairs if text != message}
            messages = inner
        rules = range(len(self.rules)) if enabled is None else sorted(enabled)
        found = [
            Match(rule, index)
            for index, message in enumerate(messages)
            for rule in rules
            if self.decisions[rule].matches(message)
        ]
        return Examined(found, unwrapped)


def _chosen(enabled: Collection[int] | None) -> frozenset[int] | None:
    return None if enabled is None else frozenset(enabled)


def _block_end(text: bytes, start: int, end: int) -> int:
    """Return where the block from ``start`` ends: behind a newline, or at ``end``."""
    if end - start <= _BLOCK_BYTES:
        return end
    newline = text.rfind(b"\n", start, start + _BLOCK_BYTES)
    if newline < 0:
        newline = text.find(b"\n", start + _BLOCK_BYTES, end)
    return end if newline < 0 else newline + 1


def _lines_before(text: bytes, end: int) -> Iterator[bytes]:
    while end > 0:
        start = text.rfind(b"\n", 0, end - 1) + 1
        yield text[start : end - 1]
        end = start


def _line_ends(text: bytes, start: int, end: int) -> Iterator[int]:
    while start < end:
        newline = text.find(b"\n", start, end)
        yield newline
        start = newline + 1
