"""Hypothesis profiles, chosen by the environment variable HYPOTHESIS_PROFILE (dev, ci or nightly); GPU tests.

Where there is no GPU, its tests are skipped, and a line at the end names them.
"""

import os
from functools import cache

import pytest
from hypothesis import settings

from fa_theory.model import backend_namespace

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=3000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

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


def pytest_terminal_summary(terminalreporter):
    skipped = terminalreporter.stats.get("skipped", [])
    names = sorted(each.nodeid for each in skipped if NO_GPU in str(each.longrepr))
    if names:
        terminalreporter.write_line(f"GPU tests not run for want of a device ({len(names)}): {', '.join(names)}")
