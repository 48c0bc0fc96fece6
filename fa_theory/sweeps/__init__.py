"""Sweeps: grids and samples of instances, on this machine or on a Dask cluster, in one dataset, resumable."""

from fa_theory.sweeps.dataset import Failure, Sweep, load
from fa_theory.sweeps.grid import LARGEST, OPTIONS, Range
from fa_theory.sweeps.running import InterruptedSweepError, sweep

__all__ = ["LARGEST", "OPTIONS", "Failure", "InterruptedSweepError", "Range", "Sweep", "load", "sweep"]
