"""Which components a rule applies to, by globs.

The caller of ``engine`` decides with it which rules are enabled for a component's messages.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from exporter.model import ComponentKey, Rule


def applies(rule: Rule, key: ComponentKey) -> bool:
    """Return whether a rule looks at the lines of a component."""
    excluded = rule.exclude_components
    return selects(rule.components, key) and not (excluded and selects(excluded, key))


def selects(globs: Sequence[str], key: ComponentKey) -> bool:
    """Return whether any of ``globs`` names the component; no globs name every component.

    A glob with a slash is held against ``app/component``, one without against the app's name.
    Case counts.
    """
    if not globs:
        return True
    return any(fnmatchcase(str(key) if "/" in glob else key.app, glob) for glob in globs)
