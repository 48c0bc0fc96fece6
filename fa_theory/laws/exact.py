"""From floating point to exact rationals: every binary float is a rational number."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import Array, is_exact, to_numpy
from fa_theory.model import (
    AdaptiveFeedback,
    Backprop,
    DirectFeedback,
    FeedbackAlignment,
    FeedbackRule,
    Network,
    SignFeedback,
    leaky_relu,
)


def exact_array(array: Array) -> np.ndarray[Any, Any]:
    """Return the array with every float or other rational replaced by the python-flint ``fmpq`` that it is.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.laws import exact_array
    >>> [str(entry) for entry in exact_array(np.array([0.5, -3.0]))]
    ['1/2', '-3']
    """
    entries = to_numpy(array).ravel().tolist()
    if is_exact(array) and all(type(entry).__name__ == "fmpq" for entry in entries):
        return np.asarray(array)
    rationals = np.empty(array.shape, dtype=object)
    rationals.ravel()[:] = [exact_number(value) for value in entries]
    return rationals


def nearest_floats(rationals: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return an array of rationals (python-flint ``fmpq``), each rounded to the nearest float64.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.laws import exact_array, nearest_floats
    >>> nearest_floats(exact_array(np.array([1.0, 2.0])) / 3).tolist() == [1 / 3, 2 / 3]
    True
    """
    # Python divides integers with one rounding; fmpq itself converts to float only in newer python-flint
    floats = [int(value.p) / int(value.q) for value in rationals.ravel()]
    return np.asarray(floats).reshape(rationals.shape)


def exact_number(value: Any) -> Any:
    """Return the rational (python-flint ``fmpq``) that a float or a rational of another type is.

    Examples
    --------
    >>> from fa_theory.laws import exact_number
    >>> str(exact_number(0.75)), exact_number(0.1) == exact_number(1) / 10  # the float 0.1 is not a tenth
    ('3/4', False)
    """
    from flint import fmpq  # python-flint takes a tenth of a second to import, and few commands need it

    return value if isinstance(value, fmpq) else fmpq(*value.as_integer_ratio())


def exact_rank(array: Array) -> int:
    """Return the rank of a matrix over the rationals; of floats, that of the rational matrix that they are.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.laws import exact_rank
    >>> exact_rank(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]))  # as close to rank 1 as floats come
    2
    """
    return int(exact_matrix(array).rank())


def exact_matrix(array: Array) -> Any:
    """Return a matrix as python-flint's ``fmpq_mat``; floats are the rationals that they are.

    Examples
    --------
    >>> import numpy as np
    >>> from fa_theory.laws import exact_matrix
    >>> str(exact_matrix(np.array([[0.5, 0.0], [0.0, 3.0]])).det())
    '3/2'
    """
    from flint import fmpq_mat

    rows, columns = array.shape
    return fmpq_mat(rows, columns, exact_array(array).ravel().tolist())


def exact_network(network: Network) -> Network:
    """Return the same network over exact rationals, the slope of a leaky ReLU and adaFA's kappa included.

    Raises
    ------
    ValueError
        If the activation is not homogeneous, or a rule is a user's own, which may not be rational.

    Examples
    --------
    >>> import fa_theory as ft
    >>> exact = ft.laws.exact_network(ft.initialise("gaussian", (2, 3, 1), "leaky_relu:0.5"))
    >>> str(exact.activation.slope), type(exact.weights[0][0, 0]).__name__
    ('1/2', 'fmpq')
    """
    activation = network.activation
    if activation.degree is None:
        raise ValueError(f"activation {activation.name} has no exact rational values")
    if activation.has_kink and isinstance(activation.slope, float):
        activation = leaky_relu(exact_number(activation.slope))
    return Network(
        [exact_array(W) for W in network.weights],
        activation,
        [_exact_rule(rule) for rule in network.feedback],
        [None if b is None else exact_array(b) for b in network.biases],
    )


def _exact_rule(rule: FeedbackRule) -> FeedbackRule:
    match rule:
        case FeedbackAlignment():
            return FeedbackAlignment(exact_array(rule.B))
        case DirectFeedback():
            return DirectFeedback(exact_array(rule.B))
        case AdaptiveFeedback():
            kappa = exact_number(float(rule.kappa))
            share = exact_number(float(rule.share))
            return AdaptiveFeedback(kappa, exact_array(rule.B_start), exact_array(rule.W_start), share)
        case Backprop() | SignFeedback():
            return rule
    raise ValueError(f"the rule {rule.name!r} is a user's own, which may not be rational")
