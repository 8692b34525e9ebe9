"""A whole app's text told apart: each component gets its lines, in their order, and no others."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.routing import Router

TIME = "2026-11-01T00:00:00.000000001Z"


def line(component: str, text: str) -> bytes:
    return f"{component} {TIME} {text}\n".encode()


def routed(router: Router, pieces: Iterable[bytes]) -> dict[str, bytes]:
    """All that comes out of some pieces, by component."""
    found: dict[str, bytes] = {}
    for part in (*map(router.feed, pieces), router.end()):
        for name, data in part.items():
            found[name] = found.get(name, b"") + data
    return found


def test_lines_go_to_the_component_that_they_name():
    """Also where another's name stands in the text; a component of no line gets nothing."""
    router = Router(["web", "mail", "idle"])
    text = line("web", "mail is slow") + line("mail", "one") + line("web", "two")
    assert routed(router, [text]) == {
        "web": line("web", "mail is slow") + line("web", "two"),
        "mail": line("mail", "one"),
    }
    assert router.lines == 3
    assert router.strangers == set()


def test_lines_without_prefix_belong_to_the_line_before():
    """A trace stays with its component; at the beginning the next line tells whose it is."""
    router = Router(["web", "mail"])
    text = b"  cut off\n" + line("web", "boom") + b"  at main\n\n" + line("mail", "x") + b"  at y\n"
    assert routed(router, [text]) == {
        "web": b"  cut off\n" + line("web", "boom") + b"  at main\n\n",
        "mail": line("mail", "x") + b"  at y\n",
    }


def test_lines_of_others_are_let_go_and_named():
    """What follows them without prefix is theirs too, and so is what stands before the first."""
    router = Router(["web"])
    assert router.feed(b"  cut off\n" + line("other", "b")) == {}
    text = line("web", "a") + line("other", "b") + b"  trace\n" + line("web", "c")
    assert routed(router, [text]) == {"web": line("web", "a") + line("web", "c")}
    assert router.strangers == {"other"}


LINES = st.lists(
    st.one_of(
        st.builds(line, st.sampled_from(["web", "mail", "other"]), st.text("ab \r", max_size=5)),
        st.sampled_from([b"\n", b"  at x\n", b"web no time\n", b"\xff\n"]),
    ),
    max_size=12,
)


@given(lines=LINES, cuts=st.lists(st.integers(0, 400), max_size=6))
def test_any_pieces_of_a_text_come_out_alike(lines: list[bytes], cuts: list[int]):
    """Wherever the text is cut, and with or without a last newline, the same lines come out."""
    text = b"".join(lines).removesuffix(b"\n")
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    whole, cut = Router(["web", "mail"]), Router(["web", "mail"])
    assert routed(cut, pieces) == routed(whole, [text])
    assert cut.lines == whole.lines == (text.count(b"\n") + bool(text and not text.endswith(b"\n")))
