"""The text of a whole app's log, split by the component that each line names."""

from collections.abc import Iterable

from exporter.logs.lines import component_of


class Router:
    """Gives each component its lines, in their order.

    A line without the platform's prefix belongs to the component of the line before, or, where
    there is none, of the one that follows.

    Args:
        components: the names that are known; lines of others are dropped.
    """

    def __init__(self, components: Iterable[str]) -> None:
        self._names = {name.encode(): name for name in components}
        self._kept = b""
        self._present: str | None = None  # the component of the latest line that names one
        self._begun = False
        self._leading: list[bytes] = []  # lines before the first that names a component
        self.lines = 0
        self.strangers: set[str] = set()

    def feed(self, data: bytes) -> dict[str, bytes]:
        """The lines that ``data`` completes, by component, with their newlines."""
        *whole, self._kept = (self._kept + data).split(b"\n")
        return self._route([line + b"\n" for line in whole])

    def end(self) -> dict[str, bytes]:
        """The last line, if the text ended without a newline."""
        rest, self._kept = self._kept, b""
        return self._route([rest] if rest else [])

    def _route(self, lines: Iterable[bytes]) -> dict[str, bytes]:
        routed: dict[str, list[bytes]] = {}
        for line in lines:
            self.lines += 1
            named = component_of(line)
            if named is not None:
                self._turn_to(named)
                if self._present is not None and self._leading:
                    routed.setdefault(self._present, []).extend(self._leading)
                self._leading = []
            elif not self._begun:
                self._leading.append(line)
                continue
            if self._present is not None:
                routed.setdefault(self._present, []).append(line)
        return {name: b"".join(parts) for name, parts in routed.items()}

    def _turn_to(self, named: bytes) -> None:
        self._begun = True
        self._present = self._names.get(named)
        if self._present is None:
            self.strangers.add(named.decode("utf-8", "replace"))
