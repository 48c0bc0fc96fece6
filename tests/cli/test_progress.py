"""How far a long run is: plain lines on stderr where it is no terminal, and nothing for a short one."""

import sys
import threading
from contextlib import contextmanager

import pytest
from rich.progress import BarColumn, Progress

from fa_theory.cli import commands, discover, main, progress

TIMEOUT = 60


def test_lines_come_after_ten_seconds_and_every_thirty_until_the_end(capsys, monkeypatch):
    monkeypatch.setattr(progress, "FIRST_LINE", 10)
    waits, pauses, states = iter([False, False, False, True]), [], iter("abc")

    def wait(pause):
        pauses.append(pause)
        return next(waits)

    progress._tell(lambda: next(states), wait)
    assert pauses == [10, 30, 30, 30]
    assert capsys.readouterr() == ("", "fa-theory: a\nfa-theory: b\nfa-theory: c\n")


def test_nobody_is_told_where_stderr_is_read_by_nobody(monkeypatch):
    class Closed:
        def write(self, _text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Closed())
    asked = []
    progress._tell(lambda: "a", lambda pause: bool(asked.append(pause)))
    assert len(asked) == 1


def test_what_is_told_ends_with_the_work_even_if_that_fails(capsys):
    before = threading.active_count()
    during = []

    def work():
        with progress.told(lambda: "never said"):
            during.append(threading.active_count())
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert during == [before + 1]
    assert threading.active_count() == before
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("total", "completed", "line"),
    [
        (1.0, 0.0, "1/2 [my] run, 12 s so far"),
        (1.0, 0.344, "1/2 [my] run: 34 %, 12 s so far"),
        (1.0, 1.0, "1/2 [my] run, 12 s so far"),
        (40, 3, "1/2 [my] run: 3 of 40 done, 12 s so far"),
        (None, 3, "1/2 [my] run, 12 s so far"),
    ],
)
def test_a_line_says_what_is_done_how_much_of_it_and_for_how_long(total, completed, line):
    now = [100.0]
    bar = Progress(BarColumn(), disable=True, get_time=lambda: now[0])
    assert progress._line(bar) == "at work"
    bar.add_task("1/2 [my] run", total=total, completed=completed)
    now[0] += 12.3
    assert progress._line(bar) == line


def test_a_bar_off_a_terminal_prints_nothing_at_all(capsys, monkeypatch):
    # as rich 13.7 does where no terminal is, even if the bar is disabled
    monkeypatch.setattr(Progress, "stop", lambda self: self.console.print())
    with progress.progress_bar(BarColumn()) as bar:
        bar.update(bar.add_task("work", total=2), completed=1)
        assert progress._line(bar) == "work: 1 of 2 done, 0 s so far"
    assert capsys.readouterr() == ("", "")


def test_discovery_says_what_it_does_and_for_how_long(monkeypatch):
    bars = []

    @contextmanager
    def kept(*columns):
        bars.append(Progress(*columns, disable=True))
        yield bars[-1]

    monkeypatch.setattr(discover, "progress_bar", kept)
    with discover._progress() as told:
        assert progress._line(bars[0]) == "discover, 0 s so far"
        told("laws of degree 2 [of 3]")
    assert progress._line(bars[0]) == "laws of degree 2 [of 3], 0 s so far"


class Paced:
    """An event whose first wait ends without it once the work has come to the place that is asked about."""

    reached, shown = threading.Event(), threading.Event()

    def __init__(self):
        self.ended, self.asked = threading.Event(), False

    def wait(self, _pause):
        if self.asked:
            self.shown.set()
            return self.ended.wait(TIMEOUT)
        self.asked = True
        return not self.reached.wait(TIMEOUT)

    def set(self):
        self.ended.set()


def test_a_long_run_off_a_terminal_says_how_far_it_is(capsys, monkeypatch):
    real = commands.run_suite

    def paced(instances, advance, **options):
        def half(instance, fraction):
            advance(instance, fraction)
            if 0.4 < fraction < 1 and not Paced.shown.is_set():
                Paced.reached.set()
                Paced.shown.wait(TIMEOUT)

        return real(instances, half, **options)

    monkeypatch.setattr(progress, "Event", Paced)
    monkeypatch.setattr(commands, "run_suite", paced)
    with pytest.raises(SystemExit):
        main(["verify", "--method", "gd", "--steps", "10", "--width", "2", "--format", "csv"])
    printed = capsys.readouterr()
    line, end = printed.err.splitlines()
    assert line.startswith("fa-theory: 1/1 iris fa: ")
    assert " %, " in line
    assert line.endswith(" s so far")
    assert end == "run: completed"
    assert printed.out.startswith("statement,")
