"""Which messages surely declare nothing harmless: told for many at once, without reading them.

Used by ``engine``. Most lines that match a rule about errors declare an error or nothing at all,
and reading one line takes longer than everything else that is done with it.
"""

from collections.abc import Iterable, Mapping
from itertools import accumulate

from exporter.matching.prefilter.candidates import Candidates, DatabaseCache
from exporter.matching.severity import SPACES
from exporter.matching.severity.candidates import candidate_expressions
from exporter.model import HARMLESS


class Silence:
    """Finds the messages that need not be read to know that they declare nothing harmless.

    The expressions are compiled when the first messages come, once for the whole process.

    Args:
        cache: where the compiled expressions may be, and are kept.
    """

    _candidates: Candidates | None = None

    def __init__(self, cache: DatabaseCache | None = None) -> None:
        self._cache = cache

    def among(self, keys: Iterable[int], messages: Mapping[int, bytes]) -> set[int]:
        """Return the keys of those messages that surely declare nothing such.

        A message that may be a part of a record over several lines may declare what that does,
        and a ``WrappedMessage`` what its wrapper did: of these nothing is sure.

        Args:
            keys: which messages to look at.
            messages: messages without newlines.
        """
        said = {at: messages[at] for at in keys}
        alone = {
            at: text for at, text in said.items() if type(text) is bytes and text[:1] not in SPACES
        }
        texts = alone.values()
        found, _ = self._expressions().find(b"\n".join((*texts, b"")), None)
        if not found:
            return set(alone)
        declaring = frozenset(found[0])
        newlines = accumulate((len(text) + 1 for text in texts), initial=-1)
        next(newlines)
        return {at for at, newline in zip(alone, newlines, strict=True) if newline not in declaring}

    def _expressions(self) -> Candidates:
        if Silence._candidates is None:
            Silence._candidates = Candidates([candidate_expressions(HARMLESS)], cache=self._cache)
        return Silence._candidates
