"""Another BLAS gives other roundings: the losses differ, by no more than the error that each run states.

OpenBLAS with the kernel of another CPU (SSE3 of 2004, in place of what this machine has) stands in for another BLAS.
"""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.__config__ import CONFIG

SCRIPT = Path(__file__).with_name("blas_run.py")


def run(dtype, **environment):
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    output = subprocess.run(
        [sys.executable, SCRIPT, dtype], env={**kept, **environment}, capture_output=True, check=True, text=True
    ).stdout
    return {name: np.asarray(values) for name, values in json.loads(output).items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_under_another_blas_agree_within_the_stated_errors(dtype):
    here, there = run(dtype), run(dtype, OPENBLAS_CORETYPE="Prescott")
    gap, allowed = abs(here["loss"] - there["loss"]), here["error"] + there["error"]
    assert len(gap) == 11
    assert np.all(gap <= allowed)
    assert np.all(allowed < (2e-3 if dtype == "float32" else 1e-11) * here["loss"][0])  # a bound that says something
    if "openblas" in CONFIG["Build Dependencies"]["blas"]["name"] and platform.machine() == "x86_64":
        assert np.any(gap > 0)  # another kernel did run
