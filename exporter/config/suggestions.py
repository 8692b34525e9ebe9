"""What was probably meant by a word that is not known."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant, None where none is near."""
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)), None)


def choose_among(word: object, known: Iterable[str]) -> str:
    """The remedy for a word that is not among the known ones."""
    names = list(known)
    near = nearest(word.lower(), names) if isinstance(word, str) else None
    if near is None and isinstance(word, str):
        near = nearest(word.upper(), names)
    allowed = f"allowed: {', '.join(names)}" if names else "there are none"
    return f"did you mean {near}? {allowed}" if near else allowed
