"""Hypothesis profiles, chosen by the environment variable HYPOTHESIS_PROFILE (dev, ci or nightly); GPU tests; tracing.

Where there is no GPU, its tests are skipped, and a line at the end names them.
"""

import os
import signal
from functools import cache, wraps
from itertools import count

import pytest
from hypothesis import settings

# one thread for each of pytest-xdist's processes, and for the commands they run; NumPy reads it as it is loaded
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from fa_theory.cli import progress
from fa_theory.model import backend_namespace

# a shell lets what it starts with & ignore Ctrl-C, and the commands that tests interrupt would inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=3000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True, scope="session")
def no_command_is_slow():
    """Keep what commands print the same on a slow machine, where some would come to say how far they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress, "FIRST_LINE", 1e6)
        yield


NO_GPU = "no GPU device"


@cache
def gpu_is_missing():
    try:
        backend_namespace("cupy")
    except ValueError as error:
        return str(error)
    return ""


def pytest_runtest_setup(item):
    if item.get_closest_marker("gpu") and gpu_is_missing():
        pytest.skip(f"{NO_GPU}: {gpu_is_missing()}")


TRACED = 10
"""Of so many examples of a property coverage is measured: the others mostly walk the same branches, and tracing is half
of their cost."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    tracing = getattr(item.config.pluginmanager.getplugin("_cov"), "cov_controller", None)
    handle = getattr(getattr(item, "obj", None), "hypothesis", None)
    if tracing is None or handle is None or item.get_closest_marker("no_cover"):
        return (yield)
    inner, examples = handle.inner_test, count()

    @wraps(inner)
    def traced_at_first(*arguments, **named):
        if next(examples) == TRACED:
            tracing.pause()
        return inner(*arguments, **named)

    handle.inner_test = traced_at_first
    try:
        return (yield)
    finally:
        handle.inner_test = inner
        if next(examples) > TRACED:
            tracing.resume()


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    names = sorted(each.nodeid for each in skipped if NO_GPU in str(each.longrepr))
    if names:
        terminalreporter.write_line(f"GPU tests not run for want of a device ({len(names)}): {', '.join(names)}")
