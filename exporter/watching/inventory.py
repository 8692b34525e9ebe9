"""What there is to watch: the apps of a token, narrowed to what the configuration selects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from exporter.matching.selection import selects
from exporter.model import App, Component, ComponentKey
from exporter.watching.came_and_went import CameAndWent

MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """Globs on ``app`` or ``app/component``; what is excluded is out, whatever includes it."""

    include: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()

    def narrow(self, apps: Iterable[App]) -> tuple[App, ...]:
        """The apps with the components that are selected; an app left with none is out.

        An app that has no component with run-time logs stays in, if its name is selected.
        """
        narrowed = (self._narrow(app) for app in apps)
        return tuple(app for app in narrowed if app is not None)

    def unmatched(self, apps: Sequence[App]) -> tuple[str, ...]:
        """Return the globs of ``include`` that match no app and no component, where there are any.

        An account without apps is no fault of a glob.
        """
        if not apps:
            return ()
        keys = [
            ComponentKey(app.name, name)
            for app in apps
            for name in ([component.name for component in app.components] or [""])
        ]
        return tuple(
            glob for glob in self.include if not any(selects((glob,), key) for key in keys)
        )

    def _narrow(self, app: App) -> App | None:
        if not app.components:
            return app if self._selected(ComponentKey(app.name, "")) else None
        kept = tuple(
            component
            for component in app.components
            if self._selected(ComponentKey(app.name, component.name))
        )
        return replace(app, components=kept) if kept else None

    def _selected(self, key: ComponentKey) -> bool:
        excluded = bool(self.exclude) and selects(self.exclude, key)
        return bool(self.include) and selects(self.include, key) and not excluded


def nothing_matched(globs: Sequence[str], apps: Sequence[App]) -> str:
    """Say that globs match nothing, with what there is; empty where there is nothing to say."""
    if not globs:
        return ""
    names = sorted(app.name for app in apps)
    more = [f"and {len(names) - MOST_NAMES} more"] if len(names) > MOST_NAMES else []
    quoted = ", ".join(f"`{glob}`" for glob in globs)
    return f"{quoted} matches none of: {', '.join([*names[:MOST_NAMES], *more])}"


@dataclass(frozen=True, slots=True)
class Inventory:
    """The apps that are watched, as the API last listed them."""

    apps: tuple[App, ...] = ()

    def components(self) -> Iterator[tuple[ComponentKey, App, Component]]:
        """Every component with its app, in the API's order."""
        for app in self.apps:
            for component in app.components:
                yield ComponentKey(app.name, component.name), app, component

    def keys(self) -> set[ComponentKey]:
        """The identities of all components."""
        return {key for key, _, _ in self.components()}

    def app_names(self) -> set[str]:
        """The names of all apps."""
        return {app.name for app in self.apps}

    def app(self, name: str) -> App | None:
        """The app of that name."""
        return next((app for app in self.apps if app.name == name), None)


@dataclass(frozen=True, slots=True)
class Known:
    """What the parts of an account know of its apps; after a reload the next ones begin with it.

    Args:
        listed: the apps of the latest list, whatever is selected.
        inventory: the apps that are watched.
        done: whether the apps could be listed once.
        problem: why they cannot be listed, in words; empty if they can.
        came_and_went: what is known of the deployments between lists.
        all_read: whether every log was read once.
        last_run: Unix seconds: the end of the latest discovery.
    """

    listed: tuple[App, ...] = ()
    inventory: Inventory = Inventory()
    done: bool = False
    problem: str = "the first discovery is under way"
    came_and_went: CameAndWent = field(default_factory=CameAndWent)
    all_read: bool = False
    last_run: float = 0.0


def gone(before: Sequence[str] | set[str], now: set[str]) -> list[str]:
    """What was there before and is not any more, in order."""
    return sorted(set(before) - now)
