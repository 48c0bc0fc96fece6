"""How far a long run is, on stderr: a bar on a terminal, elsewhere a plain line now and then."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from rich.console import Console
from rich.progress import Progress, ProgressColumn, TextColumn

FIRST_LINE, NEXT_LINE = 10.0, 30.0
"""Seconds before the first line and before each further one: what is done sooner says nothing, logs stay short."""


@contextmanager
def progress_bar(*columns: str | ProgressColumn) -> Iterator[Progress]:
    """Show a bar of these columns, the description before them; where stderr is no terminal, `told` of its task."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), *columns)
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    # not entered off a terminal: there older rich ends even a disabled bar with an empty line
    with bar if console.is_terminal else told(lambda: _line(bar)):
        yield bar


@contextmanager
def told(state: Callable[[], str]) -> Iterator[None]:
    """Print what `state` returns to stderr, after ten seconds and every thirty from then on, until this ends."""
    ended = Event()
    # a thread: long work such as enclosing bounds, or waiting for other processes, calls nothing back
    thread = Thread(target=_tell, args=(state, ended.wait), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell(state: Callable[[], str], wait: Callable[[float], bool]) -> None:
    pause = FIRST_LINE
    # where nobody reads stderr there is nobody to tell
    with suppress(BrokenPipeError):
        while not wait(pause):
            print(f"fa-theory: {state()}", file=sys.stderr, flush=True)
            pause = NEXT_LINE


def _line(bar: Progress) -> str:
    task = bar.tasks[-1] if bar.tasks else None
    if task is None:
        return "at work"
    passed = f"{task.elapsed or 0.0:.0f} s so far"
    if task.total is None or task.completed in (0, task.total):
        return f"{task.description}, {passed}"
    done = f"{task.percentage:.0f} %" if task.total == 1 else f"{task.completed:.0f} of {task.total:.0f} done"
    return f"{task.description}: {done}, {passed}"
