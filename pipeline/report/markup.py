"""HTML as values: whatever is not `Html` already is escaped where it enters a page, so nothing from a run folder becomes markup."""

from collections.abc import Iterable, Sequence
from html import escape


class Html(str):
    """Text that is markup already."""


def html(value: object) -> Html:
    """`value` as markup: itself if it is, else its text, escaped."""
    return value if isinstance(value, Html) else Html(escape(str(value)))


def join(parts: Iterable[object]) -> Html:
    """The parts one after the other, each as by `html`."""
    return Html("".join(html(part) for part in parts))


def tag(name: str, *children: object, **attributes: object) -> Html:
    """An element; `class_` stands for class, an underscore for a hyphen, an attribute that is None is left out."""
    inside = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for key, value in attributes.items() if value is not None
    )
    return Html(f"<{name}{inside}>{join(children)}</{name}>")


def image(source: str, alt: str) -> Html:
    """An <img> from a data URI."""
    return Html(f'<img src="{escape(source)}" alt="{escape(alt)}">')


def section(anchor: str, title: str, *children: object) -> Html:
    """A section with its heading."""
    return tag("section", tag("h2", title), *children, id=anchor)


def figure(content: object, caption: object) -> Html:
    """A figure with its caption."""
    return tag("figure", content, tag("figcaption", caption))


def details(title: str, *children: object) -> Html:
    """What is folded away until somebody opens it; needs no script."""
    return tag("details", tag("summary", title), *children)


def absent(what: str, stage: str) -> Html:
    """The line that stands for a part that the run folder does not hold."""
    return tag("p", f"{what}: not in this run folder. ", tag("code", f"python -m pipeline {stage}"), " makes it.", class_="absent")


def facts(rows: Iterable[tuple[str, object]]) -> Html:
    """Names and values beside each other."""
    body = join(tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows)
    return _scrolling(tag("table", tag("tbody", body), class_="facts"))


def table(caption: str, head: Sequence[str], groups: Iterable[tuple[object, Iterable[Sequence[object]]]], words: int = 1) -> Html:
    """A table in groups of rows, each under its title (None: untitled); the first `words` columns are words, the others numbers.

    The first cell of a row is its header.
    """
    heads = tag("thead", tag("tr", *(tag("th", text, scope="col", class_=_align(column, words)) for column, text in enumerate(head))))
    bodies = []
    for title, rows in groups:
        lines = [] if title is None else [tag("tr", tag("th", title, colspan=len(head), scope="rowgroup"), class_="group")]
        for first, *others in rows:
            cells = (tag("td", cell, class_=_align(column, words)) for column, cell in enumerate(others, 1))
            lines.append(tag("tr", tag("th", first, scope="row"), *cells))
        bodies.append(tag("tbody", *lines))
    return _scrolling(tag("table", tag("caption", caption), heads, *bodies))


def _align(column: int, words: int) -> str | None:
    return None if column < words else "number"


def _scrolling(content: Html) -> Html:
    """A wide table scrolls by itself on a narrow screen; it can be reached with the keyboard."""
    return tag("div", content, class_="scroll", tabindex="0")
