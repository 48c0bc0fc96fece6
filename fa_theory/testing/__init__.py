"""A testing kit for learning rules of your own (needs the extra ``testing``): strategies and assertions.

A rule is a function ``rule(weights, X, e) -> updates`` of arrays, written in NumPy, PyTorch, JAX or any other library
of the array API (see `UserRule`); the kit imports none of them. Strategies for Hypothesis draw networks, problems,
feedback, state files, and starts that meet the assumptions of a statement. Numbers are drawn as eighths of small
integers (or small fractions), so that they are exact in float32 and a failing instance shrinks to one that can be read
and worked out by hand. Assertions fail with a message that says where, by how much and against which tolerance, and
that ends with the instance as NumPy code.

>>> import fa_theory as ft
>>> from fa_theory.testing import assert_conserved
>>> def oja(weights, X, e):
...     W, V = weights
...     h = X @ W.T
...     return [h.T @ X / len(X), -e.T @ h / len(X)]
>>> network = ft.Network([[[0.5, 1.0]], [[2.0]]], "linear", [[[1.0]]])
>>> problem = ft.Problem([[1.0, -1.0], [0.0, 2.0]], [1.0, 0.5])
>>> assert_conserved(oja, "neuron-law", network, problem)  # doctest: +ELLIPSIS
Traceback (most recent call last):
AssertionError: oja does not conserve neuron-law: at t = 0, C of neuron 1 in hidden layer 1 (row 0 of W1) changes ...
"""

from fa_theory.testing.bounded import assert_bound
from fa_theory.testing.conserved import UndecidedError, assert_conserved
from fa_theory.testing.drift import assert_drift_identity
from fa_theory.testing.find import Conserved, ConservedQuantity, find_conserved
from fa_theory.testing.instances import aligned_instances, feedback, instances, networks, problems
from fa_theory.testing.rate import Rate
from fa_theory.testing.starts import starts_for
from fa_theory.testing.state_files import StateFile, state_files
from fa_theory.testing.strategies import activations, arrays, entries, feedback_names
from fa_theory.testing.user_rule import UserRule

__all__ = [
    "Conserved",
    "ConservedQuantity",
    "Rate",
    "StateFile",
    "UndecidedError",
    "UserRule",
    "activations",
    "aligned_instances",
    "arrays",
    "assert_bound",
    "assert_conserved",
    "assert_drift_identity",
    "entries",
    "feedback",
    "feedback_names",
    "find_conserved",
    "instances",
    "networks",
    "problems",
    "starts_for",
    "state_files",
]
