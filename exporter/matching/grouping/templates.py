"""Templates of messages: the words that all messages of a group share, each in its place.

A message belongs to a template with as many words and the same first word, if at least
``SIMILARITY`` of all words are equal. The words that differ become ``ANY_WORD`` in the template, so
a template that has its share of those matches only messages with all of its other words. (The idea
is that of Drain: He, Zhu, Zheng, Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth
Tree", 2017.)
"""

from collections.abc import Sequence

SIMILARITY = 0.7  # of two words in three, two are not enough
ANY_WORD = "<*>"


class Templates:
    """Templates by number; words are never ``ANY_WORD`` themselves."""

    def __init__(self) -> None:
        self._words: dict[int, list[str]] = {}
        self._alike: dict[tuple[int, str], list[int]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._words)

    def text(self, number: int) -> str:
        """A template as text."""
        return " ".join(self._words[number])

    def find(self, words: Sequence[str]) -> int | None:
        """The number of the most similar template; None if none is similar enough."""
        best, most = None, SIMILARITY * len(words)
        for number in self._alike.get(_key(words), ()):
            equal = sum(map(str.__eq__, self._words[number], words))
            if equal >= most and (best is None or equal > most):
                best, most = number, equal
        return best

    def add(self, words: Sequence[str]) -> int:
        """The number of the template of a message, which has at least one word."""
        number = self.find(words)
        if number is None:
            number = self._last + 1
            self.restore(number, words)
            return number
        self._words[number] = [
            word if word == other else ANY_WORD
            for word, other in zip(self._words[number], words, strict=True)
        ]
        return number

    def restore(self, number: int, words: Sequence[str]) -> None:
        """Know a template by a number; new ones get higher numbers."""
        self._words[number] = list(words)
        self._alike.setdefault(_key(words), []).append(number)
        self._last = max(self._last, number)

    def remove(self, number: int) -> None:
        """Forget a template; its number is not given again."""
        key = _key(self._words.pop(number))
        self._alike[key].remove(number)
        if not self._alike[key]:
            del self._alike[key]


def _key(words: Sequence[str]) -> tuple[int, str]:
    return len(words), words[0] if words else ""
