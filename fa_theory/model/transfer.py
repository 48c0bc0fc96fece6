"""Moving a network and its problem to another array library, for instance to a GPU."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from fa_theory.backend import Array, is_exact, namespace, to_namespace
from fa_theory.choices import not_among
from fa_theory.model.feedback import FeedbackRule
from fa_theory.model.network import Network
from fa_theory.model.problem import Problem

BACKENDS = ("numpy", "cupy")


def backend_namespace(name: str) -> Any:
    """Return the array namespace of a backend, once it is known to work: for CuPy an array is made on its device.

    Raises
    ------
    ValueError
        If the name is not one of `BACKENDS`, CuPy is not installed, or no CUDA device can be used; one line says which.

    Examples
    --------
    >>> from fa_theory.model import backend_namespace
    >>> xp = backend_namespace("numpy")
    >>> float(xp.sum(xp.asarray([1.0, 2.0])))
    3.0
    >>> backend_namespace("fortran")
    Traceback (most recent call last):
    ValueError: backend must be one of numpy, cupy, got 'fortran'
    """
    if name not in BACKENDS:
        raise not_among("backend", name, BACKENDS)
    try:
        library = import_module(name)
    except ImportError:
        raise ValueError(
            f"backend {name} needs the library {name}, which is not installed: pip install 'fa_theory[cuda]'"
        ) from None
    try:
        return namespace(library.zeros(1))
    except Exception as error:  # noqa: BLE001 - CuPy has errors of its own for a missing driver, runtime or device
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"backend {name} needs a CUDA device that works, got: {reason}") from None


def to_backend(network: Network, problem: Problem, backend: str | Any) -> tuple[Network, Problem]:
    """Return the same network and problem with their arrays in another library, on its default device.

    Numbers and dtypes stay as they are. Feedback rules that are dataclasses take their arrays along; a rule of one's
    own that computes with functions has to compute in the new library.

    Parameters
    ----------
    network, problem
        With floating-point arrays of any library.
    backend : {"numpy", "cupy"} or array namespace
        Where to; a namespace is a module such as `array_api_compat.torch`.

    Raises
    ------
    ValueError
        If the backend is unknown or does not work here, or the arrays hold exact rationals.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network, problem = ft.initialise("small", (2, 3, 1)), ft.Problem([[1.0, 2.0]], [1.0])
    >>> there, data = ft.to_backend(network, problem, "numpy")
    >>> type(there.weights[0]).__name__, there.rule_name, data.loss.name
    ('ndarray', 'fa', 'squared')
    """
    if is_exact(problem.X) or is_exact(network.weights[0]):
        raise ValueError("a backend takes floating-point arrays, got exact rationals")
    xp = backend_namespace(backend) if isinstance(backend, str) else namespace(backend.zeros(1))

    def moved(array: Array) -> Array:
        return to_namespace(array, xp)

    there = Network(
        [moved(W) for W in network.weights],
        network.activation,
        [_with_arrays(rule, moved) for rule in network.feedback],
        [None if b is None else moved(b) for b in network.biases],
    )
    return there, Problem(moved(problem.X), moved(problem.Y), problem.loss)


def _with_arrays(rule: FeedbackRule, moved: Any) -> FeedbackRule:
    try:
        arrays = {each.name: getattr(rule, each.name) for each in fields(rule)}  # type: ignore[arg-type]
    except TypeError:  # a rule of one's own that is no dataclass
        return rule
    # NumPy's scalars count as arrays there, and as numbers here
    changed = {
        name: moved(value)
        for name, value in arrays.items()
        if is_array_api_obj(value) and not isinstance(value, np.generic)
    }
    return replace(rule, **changed)  # type: ignore[type-var]
