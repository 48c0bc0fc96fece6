"""How long tiny instances are run."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.dynamics import forward
from fa_theory.falsification.families import Coordinates, Family
from fa_theory.model import Network, Problem, spectrum

ACCURACY = 1e-7
POINTS = 9
_STEPS = 12
_STEP_SIZES = (0.01, 0.3)
_LONGEST = 100.0


def fastest_rate(network: Network, problem: Problem) -> float:
    """Return a rate that no mode of the flow exceeds by much at the start, from the sizes of data, errors, weights."""
    errors = to_numpy(problem.loss.derivative(forward(network, problem.X).output, problem.Y))
    weights = sum(float(np.sum(to_numpy(part) ** 2)) for part in (*network.weights, *network.matrices()))
    curvature = spectrum(network.first_layer_inputs(problem.X)).largest * max(1.0, float(np.max(abs(errors))))
    return float(curvature * weights ** (network.depth - 1)) + 1e-3


def longest_time(network: Network, problem: Problem) -> float:
    """Return how long a run may take, so that an explicit integrator gets there quickly."""
    return _LONGEST / fastest_rate(network, problem)


def plan_run(network: Network, problem: Problem, family: Family, coordinates: Coordinates) -> dict[str, Any] | None:
    """Return the options of a run of the family's method, of some length; None if its rate is no float."""
    rate = fastest_rate(network, problem)
    if not np.isfinite(rate):
        return None
    horizon = coordinates.scale(0.1, _LONGEST)
    if family.method == "flow":
        return {"method": "flow", "time": horizon / rate, "points": POINTS, "accuracy": ACCURACY}
    low, high = _STEP_SIZES
    return {
        "method": family.method,
        "steps": _STEPS,
        "step_size": min(max(horizon / rate, low / rate), high / rate**0.5),
    }


def plan_state(_network: Network, _problem: Problem, _family: Family, coordinates: Coordinates) -> dict[str, Any]:
    """Return the options of a run that looks at the start and one small step."""
    return {"method": "gd", "steps": 1, "step_size": coordinates.scale(1e-3, 1.0)}
