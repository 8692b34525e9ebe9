"""What is selected of what there is."""

from fnmatch import fnmatchcase

from collect_fixtures import JOBS, WEB, app
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import App, Component, ComponentKey, ComponentKind
from exporter.watching.inventory import Inventory, Selection, gone

NAMES = ("a", "b", "ab", "shop", "shop-2")
GLOBS = st.lists(
    st.sampled_from(["*", "a*", "shop", "shop*", "*/a", "a/*", "shop/b", "*/*", "[ab]", "?", "A"]),
    max_size=3,
).map(tuple)


def named(glob: str, app_name: str, component: str) -> bool:
    """The definition: a glob with a slash names components, one without names apps."""
    if "/" in glob:
        return fnmatchcase(f"{app_name}/{component}", glob)
    return fnmatchcase(app_name, glob)


@st.composite
def listings(draw: st.DrawFn) -> tuple[App, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4))
    return tuple(
        App(
            id=f"id-{name}",
            name=name,
            components=tuple(
                Component(component, ComponentKind.SERVICE)
                for component in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
            ),
        )
        for name in names
    )


@given(listings(), GLOBS, GLOBS)
def test_selection_is_what_some_include_names_and_no_exclude(
    apps: tuple[App, ...], include: tuple[str, ...], exclude: tuple[str, ...]
):
    """A component is watched if an include names it and no exclude does; apps left empty go."""

    def wanted(app_name: str, component: str) -> bool:
        included = any(named(glob, app_name, component) for glob in include)
        return included and not any(named(glob, app_name, component) for glob in exclude)

    narrowed = Selection(include, exclude).narrow(apps)
    expected = {
        ComponentKey(app.name, component.name)
        for app in apps
        for component in app.components
        if wanted(app.name, component.name)
    }
    assert Inventory(narrowed).keys() == expected
    bare = {app.name for app in apps if not app.components and wanted(app.name, "")}
    assert Inventory(narrowed).app_names() == {key.app for key in expected} | bare


def test_selected_app_keeps_its_other_facts_and_order():
    """Narrowing takes components away and nothing else."""
    shop, site = app("shop", WEB, JOBS), app("site", JOBS, app_id="app-2")
    kept = Selection(("*",), ("*/jobs",)).narrow((site, shop))
    assert kept == (app("shop", WEB),)


def test_inventory_finds_apps_and_components():
    """Components come with their app, in the order of the listing."""
    shop, site = app("shop", WEB, JOBS), app("site", JOBS, app_id="app-2")
    inventory = Inventory((shop, site))
    assert [(str(key), found.id, kind.name) for key, found, kind in inventory.components()] == [
        ("shop/web", "app-1", "web"),
        ("shop/jobs", "app-1", "jobs"),
        ("site/jobs", "app-2", "jobs"),
    ]
    assert inventory.app("site") == site
    assert inventory.app("gone") is None
    assert gone(["b", "a", "c"], {"c"}) == ["a", "b"]
