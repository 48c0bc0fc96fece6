"""Small runs made by hand: four samples, three neurons, eleven recorded times."""

from functools import cache

import numpy as np

from fa_theory.model import Problem, initialise
from fa_theory.verification import Instance, Report, run_instance

X = np.array([[1.0, 0.5], [0.4, 1.2], [-0.9, -0.3], [-0.2, -1.1]])
REGRESSION = np.array([1.0, 0.3, -0.5, -0.8])
SIGNS = np.array([1.0, 1.0, -1.0, -1.0])


@cache
def small_run(
    kind: str = "aligned",
    *,
    name: str = "small",
    loss: str = "squared",
    rule: str = "fa",
    outputs: int = 1,
    depth: int = 2,
    method: str = "flow",
    time: float = 4.0,
    alignment: float = 1.0,
    accuracy: float = 1e-8,
) -> Report:
    targets = SIGNS if loss == "logistic" else REGRESSION
    Y = targets if outputs == 1 else np.stack([targets * (k + 1) for k in range(outputs)], axis=1)
    widths = (2, *[3] * (depth - 1), outputs)
    network = initialise(kind, widths, "linear", rule, seed=1, alignment=alignment)
    run = {"method": method, "points": 11}
    run |= {"time": time, "accuracy": accuracy} if method == "flow" else {"steps": 20, "step_size": 0.1}
    description = {"data": "by hand", "transforms": ["nothing was scaled", "nothing was dropped"]}
    return run_instance(Instance(name, network, Problem(X, Y, loss), run, description))
