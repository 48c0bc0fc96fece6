"""Assert what one step of a user's own rule does to the neuron law."""

from __future__ import annotations

from typing import Any

import numpy as np

from fa_theory.backend import is_exact, nearest_float, number_like
from fa_theory.dynamics import take_step
from fa_theory.laws import layers_with_potential, neuron_law, neuron_law_size, require_degree
from fa_theory.model import Network, Parameters, Problem
from fa_theory.testing.arguments import require_number
from fa_theory.testing.instance_code import instance_code, number_code
from fa_theory.testing.user_rule import Rule, UserRule, errors_of, finite_updates, require_host

Host = np.ndarray[Any, Any]

_SAFETY = 16
_DRAWS = 4


def assert_drift_identity(
    rule: Rule, network: Network, problem: Problem, *, step_size: Any = 0.125, xp: Any = None
) -> None:
    """Assert that one step W_l <- W_l + step_size updates changes every C_i by exactly what bregman-drift says.

    That is 1/2 step_size^2 (|F_l[i,:]|^2 + bias part) - p D_Psi(v_i after, v_i before), F the updates and Psi the
    potential of `network`'s feedback: 0 for the second term under FA, where C_i never decreases.

    Parameters
    ----------
    rule : callable
        ``rule(weights, X, e) -> updates``, see `fa_theory.testing.UserRule`.
    network, problem
        State and data (a minibatch or all), in NumPy floats, or in exact rationals for a rule that can compute with
        them; then both sides must be equal.
    step_size : number
        Any positive one: the identity is exact.
    xp : module, optional
        The library of `rule`: ``numpy``, ``torch``, ``jax.numpy``, ...

    Raises
    ------
    AssertionError
        If the two sides differ by more than rounding. The message names the neuron, both sides and the tolerance, and
        ends with NumPy code that fails in the same way.
    TypeError, ValueError
        If an argument is not of its kind, or the activation is not homogeneous.

    Notes
    -----
    Statement bregman-drift (own). The tolerance is relative: rounding of as many operations as there are numbers and
    samples, by the precision of the rule's library, times the size of the terms of both sides.

    Examples
    --------
    >>> import numpy as np
    >>> import fa_theory as ft
    >>> from fa_theory.testing import assert_drift_identity
    >>> def feedback_alignment(weights, X, e, feedback):
    ...     (W, V), (B,) = weights, feedback
    ...     return [-(e @ B.T).T @ X / len(X), -e.T @ (X @ W.T) / len(X)]
    >>> network = ft.Network([[[0.5, 1.0]], [[2.0]]], "linear", [[[1.0]]])
    >>> problem = ft.Problem([[1.0, -1.0], [0.0, 2.0]], [1.0, 0.5])
    >>> assert_drift_identity(feedback_alignment, network, problem)
    """
    __tracebackhide__ = True  # pytest shows the message, not the assertion's own lines
    require_host(network, problem, exact=True)
    require_number("step_size", step_size, above=True)
    degree = require_degree(network)
    user = UserRule(rule, xp)
    exact = is_exact(problem.X)
    library = "" if user.xp is np else f", xp={user.xp.__name__}"
    call = f"assert_drift_identity({user.name}, network, problem, step_size={number_code(step_size)}{library})"
    with user.remembers_nothing():
        try:
            updates = finite_updates(user, network, problem)
        except FloatingPointError as error:
            raise AssertionError(_told(user, network, problem, str(error), call)) from None
        eta = number_like(step_size, problem.X)
        after = network.with_parameters(take_step(network.parameters, updates, -eta))
        magnitudes = updates if exact else _magnitudes(user, network, problem, updates)
        numbers = sum(W.size for W in network.weights) + problem.n_samples
        sizes = zip(neuron_law_size(network), neuron_law_size(after), strict=True)
        laws = zip(neuron_law(network), neuron_law(after), strict=True)
        for layer, (before_law, after_law), (before, now) in zip(
            layers_with_potential(network), laws, sizes, strict=True
        ):
            observed = after_law - before_law
            squared = _squares(updates, layer)
            feedback, old, new = network.feedback[layer], network.weights[layer + 1], after.weights[layer + 1]
            M = feedback.matrix(old)
            bregman = feedback.potential(new) - feedback.potential(old) - np.sum(M * (new - old).T, axis=1)
            predicted = eta * eta * squared / 2 - degree * bregman
            # the first-order terms cancel, and leave the rounding of the updates that they are made of
            first = _first_order(network, layer, degree * abs(M), magnitudes)
            size = before + now + eta * first + eta * eta * squared
            tolerance = np.asarray(_SAFETY * numbers * user.epsilon * size) if not exact else 0 * size
            wrong = ~np.asarray(abs(observed - predicted) <= tolerance, dtype=bool)
            if wrong.any():
                i = int(np.flatnonzero(wrong)[0])
                origin = (
                    "exact" if exact else f"16 x {numbers} x rounding {user.epsilon:.2g} x terms of size {size[i]:.3g}"
                )
                found = (
                    f"one step of {step_size} changes C of neuron {i + 1} in hidden layer {layer + 1} (row {i} of "
                    f"W{layer + 1}) by {_number(observed[i])}\n"
                    f"  predicted: {_number(predicted[i])}, off by {_number(observed[i] - predicted[i])}\n"
                    f"  tolerance: {nearest_float(tolerance[i]):.3g} = {origin}"
                )
                raise AssertionError(_told(user, network, problem, found, call))


def _told(rule: UserRule, network: Network, problem: Problem, found: str, call: str) -> str:
    code = instance_code(rule, network, problem, call)
    return f"{rule.name} breaks bregman-drift: {found}\nThe state, as NumPy code:\n{code}"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _squares(updates: Parameters, layer: int) -> Host:
    squared = np.sum(updates.weights[layer] ** 2, axis=1)
    bias = updates.biases[layer]
    return np.asarray(squared if bias is None else squared + bias**2)


def _first_order(network: Network, layer: int, above: Host, updates: Parameters) -> Host:
    """Return |w| |F_l| + |M| |F_{l+1}|, summed neuron by neuron."""
    own = np.sum(abs(network.weights[layer]) * abs(updates.weights[layer]), axis=1)
    bias = network.biases[layer]
    moved = updates.biases[layer]
    if bias is not None and moved is not None:
        own = own + abs(bias) * abs(moved)
    return np.asarray(own + np.sum(above * abs(updates.weights[layer + 1]).T, axis=1))


def _magnitudes(rule: UserRule, network: Network, problem: Problem, updates: Parameters) -> Parameters:
    """Return how large updates are and, where terms cancel in them, what moves when inputs move relatively."""
    X, e = problem.X, errors_of(network, problem)
    shift = float(np.sqrt(max(rule.epsilon, np.finfo(float).eps)))
    rng = np.random.default_rng(0)

    def near(array: Any) -> Any:
        return None if array is None else (array * (1 + shift * rng.uniform(-1, 1, array.shape))).astype(array.dtype)

    def larger(one: Any, moved: Any, plain: Any) -> Any:
        return None if one is None else np.maximum(abs(one), abs(moved - plain) / shift)

    largest = updates
    for _ in range(_DRAWS):
        at = Parameters(tuple(map(near, network.weights)), tuple(map(near, network.biases)))
        moved = rule.updates(network.with_parameters(at), near(X), near(e))
        largest = Parameters(
            tuple(map(larger, largest.weights, moved.weights, updates.weights)),
            tuple(map(larger, largest.biases, moved.biases, updates.biases)),
        )
    return largest
