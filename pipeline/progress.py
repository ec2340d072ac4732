"""Progress for people, on stderr; machine-readable output stays alone on stdout."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

console = Console(stderr=True)
T = TypeVar("T")


def say(text: str) -> None:
    """Print one line (rich markup is not interpreted) for a person."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def bar() -> Progress:
    """A progress display for work that lasts longer than two seconds; silent where stderr is not a terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Iterate over `items` under a progress bar named `what`."""
    with bar() as progress:
        yield from progress.track(items, total=total, description=what)
