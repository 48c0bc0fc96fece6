"""Starts that meet every assumption of a statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fa_theory.choices import not_among
from fa_theory.model import DirectFeedback, FeedbackAlignment, Network, Problem, leaky_relu, linear
from fa_theory.statements import STATEMENTS
from fa_theory.testing.instances import aligned_instances, instances, networks, problems, separable_problems
from fa_theory.testing.strategies import Host, arrays, entries

Instances = st.SearchStrategy[tuple[Network, Problem]]


def starts_for(statement: str) -> Instances:
    """Draw networks and problems that meet every assumption which a statement makes about start and data.

    Parameters
    ----------
    statement : str
        The id of a statement, as ``fa-theory theorems`` lists them. What it assumes of the run (a flow, a step size,
        weight decay, convergence) is left to the run.

    Raises
    ------
    ValueError
        If there is no such statement.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from hypothesis import given, settings
    >>> from fa_theory.testing import starts_for
    >>> @settings(max_examples=5, deadline=None)
    ... @given(starts_for("exponential-decay"))
    ... def test_the_bound_applies(start):
    ...     assert ft.bounds.exponential_decay(*start).applicable
    >>> test_the_bound_applies()
    >>> starts_for("no-free-lunch")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: statement must be one of neuron-identity, neuron-law, ..., got 'no-free-lunch'
    """
    if statement not in _STARTS:
        raise not_among("statement", statement, _STARTS)
    return _STARTS[statement]()


@st.composite
def _of_full_rank(draw: st.DrawFn, n: int, m: int) -> Host:
    """Draw an (n, m) matrix of rank m <= n: lower triangular with a diagonal of ones and twos."""
    diagonal = draw(arrays((m,), st.sampled_from([1.0, -1.0, 0.5, 2.0])))
    return np.asarray(np.tril(draw(arrays((n, m))), -1) + np.eye(n, m) * diagonal)


@st.composite
def _full_feedback(draw: st.DrawFn, *, direct: bool = False) -> tuple[Network, Problem]:
    """Draw linear networks, with feedback of full column rank: FA in two layers, DFA in two or three."""
    problem = draw(problems(loss="squared"))
    m = problem.Y.shape[1]
    hidden = draw(st.lists(st.integers(m, 3), min_size=1, max_size=2 if direct else 1))
    network = draw(networks(widths=(problem.X.shape[1], *hidden, m), activation=linear, rule="backprop", biases=False))
    matrices = [draw(_of_full_rank(n, m)) for n in hidden]
    rules = [DirectFeedback(B) if direct else FeedbackAlignment(B) for B in matrices]
    return Network(network.weights, linear, rules), problem


@st.composite
def _aligned_outputs(draw: st.DrawFn) -> tuple[Network, Problem]:
    """Draw two-layer linear FA whose conserved matrix is negative where feedback reaches, by the choice of W_2."""
    network, problem = draw(_full_feedback())
    if not problem.X.any():  # data that are all zero teach nothing
        problem = Problem(problem.X + 1, problem.Y)
    W, B = network.weights[0], network.matrices()[0]
    size = np.sum(W**2) / 2 + abs(draw(entries(nonzero=True)))
    return Network([W, size * np.linalg.pinv(B)], linear, network.feedback), problem


@st.composite
def _labelled(draw: st.DrawFn) -> tuple[Network, Problem]:
    """Draw FA from any start on separable data with logistic loss."""
    problem = draw(separable_problems(draw(st.integers(1, 3)), "logistic"))
    widths = (problem.X.shape[1], draw(st.integers(1, 3)), 1)
    phi = draw(st.sampled_from([linear, leaky_relu(0.2), leaky_relu(0.5)]))
    network = draw(networks(widths=widths, activation=phi, rule="backprop", biases=False))
    B = draw(arrays((widths[1], 1), entries(nonzero=True)))
    return Network(network.weights, phi, [B]), problem


def _rules(*names: str, **fixed: Any) -> Instances:
    return st.sampled_from(names).flatmap(lambda name: instances(rule=name, **fixed))


def _fixed_or_sign(loss: str) -> Instances:
    return st.sampled_from(["fa", "sign-fa"]).flatmap(lambda rule: aligned_instances(loss=loss, rule=rule))


def _labels(draw_for: Callable[[str], Instances]) -> Instances:
    return st.sampled_from(["logistic", "exponential"]).flatmap(draw_for)


def _linear_fa() -> Instances:
    return aligned_instances(rule="fa", activation=linear)


_STARTS: dict[str, Callable[[], Instances]] = {
    "neuron-identity": instances,
    "neuron-law": instances,
    "matrix-law": lambda: instances(activation=linear),
    "projection-law": instances,
    "law-completeness": _full_feedback,
    "dfa-law": lambda: _full_feedback(direct=True),
    "bregman-drift": instances,
    "matched-decay": lambda: _rules("fa", "sign-fa", "backprop"),
    "midpoint-exactness": lambda: _rules("fa", "adafa:0.5", "adafa:2", "backprop", "dfa"),
    "dissipation-split": instances,
    "descent": lambda: st.sampled_from(["squared", "logistic", "exponential"]).flatmap(
        lambda loss: aligned_instances(loss=loss)
    ),
    "exponential-decay": aligned_instances,
    "separable-decay": lambda: _labels(lambda loss: aligned_instances(loss=loss)),
    "multi-output-decay": _aligned_outputs,
    "hitting-time": _labelled,
    "gd-decay": _linear_fa,
    "exponential-decay-growth": lambda: _fixed_or_sign("squared"),
    "exponential-decay-patterns": lambda: _fixed_or_sign("squared"),
    "exponential-decay-path": lambda: _fixed_or_sign("squared"),
    "separable-decay-two-sided": lambda: _labels(lambda loss: aligned_instances(loss=loss, rule="fa")),
    "separable-decay-path": lambda: _labels(_fixed_or_sign),
    "hitting-time-two-sided": _labelled,
    "linear-decay-growth": _linear_fa,
    "multi-output-decay-projection": _aligned_outputs,
    "gd-decay-growth": _linear_fa,
    "reduced-flow": lambda: instances(depth=2, n_outputs=1, activation=linear, rule="fa", biases=False),
    "minimum-norm": lambda: instances(loss="squared", activation=linear, biases=False),
}
assert set(_STARTS) == set(STATEMENTS), "every statement has its starts"
