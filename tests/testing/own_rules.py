"""Learning rules as users write them, right and wrong ones, in whatever library their arrays are of."""

import numpy as np
import pytest

import fa_theory as ft
from fa_theory.testing import assert_bound, assert_conserved, assert_drift_identity, find_conserved


def feedback_alignment(weights, X, e, feedback):
    """FA, and every rule with a potential, of any depth in linear networks."""
    inputs = [X]
    for W in weights[:-1]:
        inputs.append(inputs[-1] @ W.T)
    signal, updates = e, []
    for layer in range(len(weights) - 1, -1, -1):
        updates.insert(0, -(signal.T @ inputs[layer]) / X.shape[0])
        if layer:
            signal = signal @ feedback[layer - 1].T
    return updates


def gated(slope):
    """Return FA in two layers with a leaky ReLU."""

    def rule(weights, X, e, feedback):
        W, B = weights[0], feedback[0]
        z = X @ W.T
        gate = slope + (1 - slope) * (z > 0)
        return [-((e @ B.T) * gate).T @ X / len(X), -e.T @ (gate * z) / len(X)]

    return rule


def with_biases(weights, X, e, feedback, biases):
    W, B, b = weights[0], feedback[0], biases[0]
    signal, h = e @ B.T, X @ W.T + b
    return [-signal.T @ X / len(X), -e.T @ h / len(X)], [-signal.mean(axis=0), -e.mean(axis=0)]


def hurried(weights, X, e, feedback):
    """A wrong FA, whose first layer learns at twice the rate."""
    first, *others = feedback_alignment(weights, X, e, feedback)
    return [2 * first, *others]


def forgetful(weights, X, e, feedback):
    """FA with weight decay, which keeps nothing."""
    return [F - 0.5 * W for F, W in zip(feedback_alignment(weights, X, e, feedback), weights, strict=True)]


def small(rule="fa", activation="linear"):
    """Return an instance of two neurons, two inputs and one output, aligned at the start."""
    feedback = [[[1.0], [-2.0]]] if rule == "fa" else rule
    network = ft.Network([[[0.5, 0.25], [-1.0, 0.5]], [[2.0, -1.0]]], activation, feedback)
    return network, ft.Problem([[1.0, 0.5], [0.0, 2.0]], [1.0, -0.5])


def pasted(error, **names):
    """Run the code at the end of a message and return the error that it raises."""
    code = str(error).partition("NumPy code:\n")[2]
    try:
        exec(code, names)
    except AssertionError as again:
        return again
    raise RuntimeError(f"the pasted code passes:\n{code}")


def rational(kind):
    """Return an instance over the rationals."""
    arrays = [[[1, 2]], [[3]], [[1]], [[1, -1], [0, 2]], [[1], [2]]]
    W, V, B, X, Y = (np.array([[kind(v, 2) for v in row] for row in each], dtype=object) for each in arrays)
    return ft.Network([W, V], "linear", [B]), ft.Problem(X, Y)


ASSERTIONS = {
    "conserved": lambda rule, **options: assert_conserved(rule, "neuron-law", *small(), **options),
    "bound": lambda rule, **options: assert_bound(rule, "exponential-decay", *small(), **options),
    "drift": lambda rule, **options: assert_drift_identity(rule, *small(), **options),
    "find": lambda rule, **options: find_conserved(rule, (2, 2, 1), degree=1, **options),
}
every = pytest.mark.parametrize("assertion", ASSERTIONS.values(), ids=ASSERTIONS)
