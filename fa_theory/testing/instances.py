"""Strategies for networks, problems, and both together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from fa_theory.backend import is_exact
from fa_theory.choices import not_among
from fa_theory.dynamics import forward
from fa_theory.model import LOSSES, Activation, FeedbackRule, Network, Problem, feedback_rules, leaky_relu, linear
from fa_theory.testing.arguments import checked_widths, whole_or_none
from fa_theory.testing.strategies import activations, arrays, entries, feedback_names

_LARGEST_OUTPUT = 6.0
_OUTPUTS = {"squared": (1, 3), "cross_entropy": (2, 3), "logistic": (1, 1), "exponential": (1, 1)}


def networks(
    *,
    depth: int | None = None,
    widths: Sequence[int] | None = None,
    activation: str | Activation | None = None,
    rule: str | None = None,
    biases: bool | None = None,
    exact: bool = False,
) -> st.SearchStrategy[Network]:
    """Draw a network; what is given is fixed, what is None is drawn.

    Parameters
    ----------
    depth : int, optional
        Layers of weights, else 2 to 4.
    widths : sequence of int, optional
        (d, n_1, ..., m), else each 1 to 3; decides the depth.
    activation : str or Activation, optional
        Else any homogeneous one.
    rule : str, optional
        Else any.
    biases : bool, optional
        Whether every layer has a bias.
    exact : bool
        Whether all numbers are `fractions.Fraction` in object arrays.

    Raises
    ------
    TypeError, ValueError
        At once, if `depth` or `widths` are not whole numbers that a network can have.

    Examples
    --------
    >>> from hypothesis import find
    >>> from fa_theory.testing import networks
    >>> network = find(networks(rule="fa", activation="relu", biases=False), lambda network: network.depth == 3)
    >>> network.widths, network.rule_name, network.activation.name
    ((1, 1, 1, 1), 'fa', 'relu')
    """
    sizes, layers = None if widths is None else checked_widths(widths), whole_or_none("depth", depth, 2)
    return _networks(layers, sizes, activation, rule, biases, exact)


@st.composite
def _networks(
    draw: st.DrawFn,
    depth: int | None,
    widths: tuple[int, ...] | None,
    activation: str | Activation | None,
    rule: str | None,
    biases: bool | None,
    exact: bool,
) -> Network:
    if widths is None:
        layers = draw(st.integers(2, 4)) if depth is None else depth
        widths = tuple(draw(st.lists(st.integers(1, 3), min_size=layers + 1, max_size=layers + 1)))
    phi = draw(activations(exact=exact)) if activation is None else activation
    with_biases = draw(st.booleans()) if biases is None else biases
    elements = entries(exact=exact)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    weights = [draw(arrays(shape, elements)) for shape in shapes]
    rules = draw(feedback(weights, rule=rule))
    return Network(
        weights, phi, rules, [draw(arrays(shape[:1], elements)) for shape in shapes] if with_biases else None
    )


@st.composite
def feedback(draw: st.DrawFn, weights: Sequence[Any], *, rule: str | None = None) -> tuple[FeedbackRule, ...]:
    """Draw feedback for these weights: one rule for each hidden layer, all of one kind.

    Parameters
    ----------
    draw
        Supplied by Hypothesis.
    weights : sequence of arrays
        W_1, ..., W_L; matrices are drawn in their kind of numbers.
    rule : str, optional
        ``fa``, ``sign-fa``, ``adafa:K``, ``backprop`` or ``dfa``, else any of them.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import find
    >>> from fa_theory.testing import feedback
    >>> (B,) = find(feedback([np.ones((2, 3)), np.ones((1, 2))], rule="fa"), lambda drawn: True)
    >>> B.matrix(np.ones((1, 2))).shape
    (2, 1)
    """
    name = draw(feedback_names()) if rule is None else rule
    if name in ("sign-fa", "backprop"):
        return feedback_rules(name, weights, ())
    elements = entries(exact=is_exact(weights[0]))
    outputs = [len(weights[-1]) if name == "dfa" else len(W) for W in weights[1:]]
    matrices = [draw(arrays((W.shape[1], m), elements)) for W, m in zip(weights[1:], outputs, strict=True)]
    return feedback_rules(name, weights, matrices)


def problems(
    *,
    loss: str | None = None,
    n_inputs: int | None = None,
    n_outputs: int | None = None,
    n_samples: int | None = None,
    exact: bool = False,
) -> st.SearchStrategy[Problem]:
    """Draw a problem with labels of its loss's kind; what is given is fixed, what is None is drawn.

    Parameters
    ----------
    loss : str, optional
        Else any that `n_outputs` allows; squared if `exact`.
    n_inputs, n_outputs, n_samples : int, optional
        d, m and N; else 1 to 3, what the loss allows up to 3, and 1 to 4.
    exact : bool
        Whether all numbers are `fractions.Fraction` in object arrays.

    Raises
    ------
    TypeError, ValueError
        At once, if there is no such loss, or a number is not a whole one that its problems can have.

    Examples
    --------
    >>> from hypothesis import find
    >>> from fa_theory.testing import problems
    >>> problem = find(problems(loss="logistic", n_samples=2), lambda problem: problem.Y.sum() == 0)
    >>> problem.X.tolist(), sorted(problem.Y.ravel().tolist())
    ([[0.0], [0.0]], [-1.0, 1.0])
    """
    given = {"n_inputs": n_inputs, "n_outputs": n_outputs, "n_samples": n_samples}
    d, m, N = (whole_or_none(name, number) for name, number in given.items())
    if loss is not None and loss not in LOSSES:
        raise not_among("loss", loss, LOSSES)
    if loss is not None and m is not None and (m < 2 if loss == "cross_entropy" else m > 1 and loss != "squared"):
        raise ValueError(f"n_outputs must be {'>= 2' if m < 2 else '1'} for the loss {loss}, got {n_outputs}")
    return _problems(loss, d, m, N, exact)


@st.composite
def _problems(
    draw: st.DrawFn, loss: str | None, n_inputs: int | None, n_outputs: int | None, n_samples: int | None, exact: bool
) -> Problem:
    if loss is None:
        losses = [
            "squared",
            *["logistic", "exponential"] * (n_outputs in (None, 1)),
            *["cross_entropy"] * (n_outputs != 1),
        ]
        loss = "squared" if exact else draw(st.sampled_from(losses))
    m = draw(st.integers(*_OUTPUTS[loss])) if n_outputs is None else n_outputs
    N = draw(st.integers(1, 4)) if n_samples is None else n_samples
    d = draw(st.integers(1, 3)) if n_inputs is None else n_inputs
    X = draw(arrays((N, d), entries(exact=exact)))
    match loss:
        case "squared":
            Y = draw(arrays((N, m), entries(exact=exact)))
        case "cross_entropy":
            Y = np.eye(m)[draw(st.lists(st.integers(0, m - 1), min_size=N, max_size=N))]
        case _:
            Y = draw(arrays((N, 1), st.sampled_from([1.0, -1.0])))
    return Problem(X, Y, loss)


def instances(
    *,
    loss: str | None = None,
    n_outputs: int | None = None,
    n_samples: int | None = None,
    depth: int | None = None,
    activation: str | Activation | None = None,
    rule: str | None = None,
    biases: bool | None = None,
    exact: bool = False,
) -> st.SearchStrategy[tuple[Network, Problem]]:
    """Draw a network and a problem that fit each other; the arguments are those of `networks` and `problems`.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from fa_theory.dynamics import dissipation
    >>> from fa_theory.testing import instances
    >>> @settings(max_examples=5, deadline=None)
    ... @given(instances(rule="backprop", activation="linear"))
    ... def test_backpropagation_never_rises(instance):
    ...     now = dissipation(*instance)
    ...     assert now.rate <= 1e-9 * now.size
    >>> test_backpropagation_never_rises()
    """
    drawn = problems(loss=loss, n_outputs=n_outputs, n_samples=n_samples, exact=exact)
    return _instances(drawn, whole_or_none("depth", depth, 2), activation, rule, biases, exact)


@st.composite
def _instances(
    draw: st.DrawFn,
    drawn: st.SearchStrategy[Problem],
    depth: int | None,
    activation: str | Activation | None,
    rule: str | None,
    biases: bool | None,
    exact: bool,
) -> tuple[Network, Problem]:
    problem = draw(drawn)
    n_hidden = (draw(st.integers(2, 4)) if depth is None else depth) - 1
    hidden = draw(st.lists(st.integers(1, 3), min_size=n_hidden, max_size=n_hidden))
    widths = (problem.X.shape[1], *hidden, problem.Y.shape[1])
    return draw(networks(widths=widths, activation=activation, rule=rule, biases=biases, exact=exact)), problem


@st.composite
def aligned_instances(
    draw: st.DrawFn, *, loss: str = "squared", rule: str | None = None, activation: str | Activation | None = None
) -> tuple[Network, Problem]:
    """Draw an instance that meets every assumption of exponential-decay or, for the other losses, separable-decay.

    Two layers without biases, scalar output, linear or leaky activation, fa, sign-fa or adafa, all C_i < 0; for the
    squared loss linearly independent samples, else linearly separable ones.

    Parameters
    ----------
    draw
        Supplied by Hypothesis.
    loss : str
        ``"squared"``, ``"logistic"`` or ``"exponential"``.
    rule : str, optional
        ``fa``, ``sign-fa`` or ``adafa:K``, else any of them.
    activation : str or Activation, optional
        Linear or a leaky ReLU, else any of them.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from hypothesis import given, settings
    >>> from fa_theory.testing import aligned_instances
    >>> @settings(max_examples=5, deadline=None)
    ... @given(aligned_instances(rule="fa"))
    ... def test_every_law_starts_negative(start):
    ...     network, problem = start
    ...     assert max(ft.laws.neuron_law(network)[0]) < 0
    >>> test_every_law_starts_negative()
    """
    d = draw(st.integers(1, 3))
    problem = draw(_independent(d) if loss == "squared" else separable_problems(d, loss))
    name = draw(st.sampled_from(["fa", "sign-fa", "adafa:0.5", "adafa:2"])) if rule is None else rule
    n = draw(st.integers(1, 3))
    W = draw(arrays((n, d), entries(1 if loss == "exponential" else 2)))
    b = draw(arrays((n,), st.sampled_from([1.0, -1.0, 2.0, -2.0, 0.5, -0.5])))
    own = np.sum(W**2, axis=1) / 2
    kind, _, kappa = name.partition(":")
    size = np.ones(n) if kind == "sign-fa" else abs(b)
    # where kappa/2 v^2 + |D| |v| is as large as |w|^2 / 2 (finite at kappa = 0), with b as the constant D
    least = 2 * own / (size + np.sqrt(size**2 + 2 * float(kappa or 0) * own))
    # from there on C is negative; in eighths, so that the start can be read
    v = np.sign(b) * (np.ceil(8 * least) / 8 + abs(draw(arrays((n,), entries(nonzero=True)))))
    feedback = (b + float(kappa or 0) * v)[:, None]
    weights = [W, v[None, :]]
    phi = draw(st.sampled_from([linear, leaky_relu(0.2), leaky_relu(0.5)])) if activation is None else activation
    network = Network(weights, phi, feedback_rules(name, weights, [feedback]))
    # an exponential of more is as stiff as nothing can follow
    assume(loss != "exponential" or np.max(abs(forward(network, problem.X).output)) <= _LARGEST_OUTPUT)
    return network, problem


@st.composite
def _independent(draw: st.DrawFn, d: int) -> Problem:
    N = draw(st.integers(1, d))
    diagonal = draw(arrays((N,), st.sampled_from([1.0, -1.0, 0.5, 2.0])))
    X = np.tril(draw(arrays((N, d))), -1) + np.eye(N, d) * diagonal[:, None]
    return Problem(X, draw(arrays((N, 1))))


@st.composite
def separable_problems(draw: st.DrawFn, d: int, loss: str) -> Problem:
    """Draw a problem of `d` inputs whose labels are those of a linear map, with a margin that cannot be missed."""
    X = draw(arrays((draw(st.integers(1, 4)), d)))
    along = np.concatenate([draw(arrays((1,), st.sampled_from([1.0, -1.0]))), draw(arrays((d - 1,)))])
    heights = X @ along
    near = abs(heights) < 1 / 8
    X[near, 0] += along[0]  # which adds one to the height
    return Problem(X, np.sign(heights + near), loss)
