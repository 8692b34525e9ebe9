"""Error messages by group: those that differ in nothing but numbers, ids and names are one.

A message is of the group whose template it has; see ``templates``. What was seen before is
recognised by its hash.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields

from xxhash import xxh3_64_intdigest

from exporter.matching.fields import FieldReader
from exporter.matching.grouping.masks import mask
from exporter.matching.grouping.templates import ANY_WORD, Templates
from exporter.model import Level

MAX_GROUPS = 200
"""The most groups of a component. Beyond, a new one takes the place of the one not
seen for longest; if all were seen within ``FRESH_SECONDS``, it is one of the rest."""

FRESH_SECONDS = 3600.0
KEPT_CHARACTERS = 1024
MAX_WORDS = 64
REMEMBERED = 4096
"""How many different texts are cached."""

REST = 0
"""The group of everything that has no group of its own."""

_TEXT_FIELDS = ("msg", "message", "event", "text", "log")
_ERROR_FIELDS = ("error", "err", "error.message", "err.message", "exception", "exc_info")


@dataclass(slots=True)
class Group:
    """What is known of a group.

    Args:
        number: tells the groups of a component apart.
        template: the words that all of its messages share.
        sample: the first of them, without secrets.
        first_seen, last_seen: Unix seconds, by the lines' own time.
    """

    number: int
    template: str
    level: Level
    sample: str
    first_seen: float
    last_seen: float
    count: int = 0

    def to_bytes(self) -> bytes:
        """The group as a document holds it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, document: bytes) -> "Group":
        """The group that ``to_bytes`` wrote down; raises ValueError where that is none."""
        try:
            known = json.loads(document)
            known["level"] = Level(known["level"])
            return cls(**{each.name: known[each.name] for each in fields(cls)})
        except (KeyError, TypeError) as error:
            raise ValueError(f"an error group cannot be read: {error!r}") from None


class ErrorGroups:
    """The groups of one component.

    Args:
        groups: what is known already.
        redact: takes secrets out of a text.
    """

    def __init__(self, groups: Iterable[Group], redact: Callable[[str], str]) -> None:
        self.groups: dict[int, Group] = {}
        self._redact = redact
        self._forgotten: list[int] = []
        self._full_until = 0.0  # Unix seconds; no group is older than an hour before
        self._reader = FieldReader()
        self._templates = Templates()
        self._by_text: dict[int, int] = {}  # a text's hash → the number of its group
        self._by_mask: dict[int, int] = {}
        for group in sorted(groups, key=lambda group: group.number):
            self._restore(group)

    def take(self, message: bytes, level: Level, at: float) -> tuple[Group, bool]:
        """The group of a message, seen once more; and whether it was never seen before.

        Args:
            at: the message's time in Unix seconds.
        """
        message = message[: 4 * KEPT_CHARACTERS]
        text = xxh3_64_intdigest(message)
        number = self._by_text.get(text)
        if number is None or number not in self.groups:
            number = self._told(self._essence(message), level, at)
            _remember(self._by_text, text, number)
        group = self.groups[number]
        group.count += 1
        group.first_seen = min(group.first_seen, at)
        group.last_seen = max(group.last_seen, at)
        if level is Level.CRITICAL:
            group.level = level
        return group, group.count == 1 and number != REST

    def forgotten(self) -> list[int]:
        """The numbers of the groups for which there was no more room, each handed out once."""
        forgotten, self._forgotten = self._forgotten, []
        return forgotten

    def seen_since(self, time: float) -> int:
        """How many groups were seen after a time (Unix seconds)."""
        return sum(group.last_seen > time for group in self.groups.values())

    def _essence(self, message: bytes) -> str:
        """What a message says: of a JSON object the fields that say it."""
        if message.startswith(b"{"):
            values = self._reader.read(message)
            texts = [
                next((text for name in names if isinstance(text := values.get(name), str)), "")
                for names in (_TEXT_FIELDS, _ERROR_FIELDS)
            ]
            if any(texts):
                return " ".join(filter(None, texts))[:KEPT_CHARACTERS]
        return message.decode("utf-8", "replace")[:KEPT_CHARACTERS]

    def _told(self, text: str, level: Level, at: float) -> int:
        masked = mask(text)
        known_by = xxh3_64_intdigest(masked.encode())
        number = self._by_mask.get(known_by)
        if number is not None and number in self.groups:
            return number
        sample = self._redact(text)
        # The mark of a word that is no part of a group is no word of a message.
        masked = masked if sample == text else mask(sample)
        words = masked.replace(ANY_WORD, "<?>").split()[:MAX_WORDS]
        number = self._number(words, at)
        if number not in self.groups:
            self.groups[number] = Group(number, "", level, sample, at, at)
        if number != REST:
            self.groups[number].template = self._templates.text(number)
        _remember(self._by_mask, known_by, number)
        return number

    def _number(self, words: list[str], at: float) -> int:
        if not words:
            return REST
        full = len(self._templates) >= MAX_GROUPS and not self._make_room(at)
        if full and self._templates.find(words) is None:
            return REST
        return self._templates.add(words)

    def _make_room(self, now: float) -> bool:
        """Forget the group that was not seen for longest, if that is long ago."""
        if now < self._full_until:
            return False
        told_apart = (group for group in self.groups.values() if group.number != REST)
        oldest = min(told_apart, key=lambda group: group.last_seen)
        self._full_until = oldest.last_seen + FRESH_SECONDS
        if now < self._full_until:
            return False
        self._full_until = 0.0
        self._forgotten.append(oldest.number)
        del self.groups[oldest.number]
        self._templates.remove(oldest.number)
        return True

    def _restore(self, group: Group) -> None:
        self.groups[group.number] = group
        if group.number != REST:
            self._templates.restore(group.number, group.template.split())


def _remember(known: dict[int, int], text: int, number: int) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known[text] = number
