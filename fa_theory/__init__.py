"""Conservation laws and convergence bounds of feedback alignment: derived, computed, simulated and judged.

The usual way in::

    import fa_theory as ft
    network = ft.Network([W1, W2], "leaky_relu:0.2", [B2])
    problem = ft.Problem(X, Y, "logistic")
    report = ft.verify(network, problem, time=20.0)
"""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fa_theory import bounds, laws
    from fa_theory.dynamics import Trajectory, ensemble, simulate
    from fa_theory.falsification import Search, falsify
    from fa_theory.model import Network, Problem, initialise, to_backend
    from fa_theory.statements import cite
    from fa_theory.sweeps import Sweep, sweep
    from fa_theory.verification import Report, verify

__version__ = version("fa_theory")

__all__ = [
    "Network",
    "Problem",
    "Report",
    "Search",
    "Sweep",
    "Trajectory",
    "__version__",
    "bounds",
    "cite",
    "ensemble",
    "falsify",
    "initialise",
    "laws",
    "simulate",
    "sweep",
    "to_backend",
    "verify",
]

_HOMES = {
    "Network": "model",
    "Problem": "model",
    "initialise": "model",
    "to_backend": "model",
    "Trajectory": "dynamics",
    "ensemble": "dynamics",
    "simulate": "dynamics",
    "Search": "falsification",
    "falsify": "falsification",
    "Sweep": "sweeps",
    "sweep": "sweeps",
    "Report": "verification",
    "verify": "verification",
    "cite": "statements",
}


def __getattr__(name: str) -> Any:
    # SciPy takes most of the import time, and a command such as --help needs none of it
    from importlib import import_module

    if name in ("bounds", "laws"):
        return import_module(f"fa_theory.{name}")
    if name in _HOMES:
        return getattr(import_module(f"fa_theory.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'fa_theory' has no attribute {name!r}")
