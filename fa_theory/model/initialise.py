"""Start states: weights and feedback drawn from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from fa_theory.choices import not_among
from fa_theory.model.activations import Activation, as_activation
from fa_theory.model.feedback import FeedbackRule, feedback_rules
from fa_theory.model.network import Network

INITIALISATIONS = ("aligned", "small", "zero", "gaussian")

Matrix = np.ndarray[Any, Any]


def initialise(
    kind: str,
    widths: Sequence[int],
    activation_name: str | Activation = "linear",
    rule: str = "fa",
    *,
    seed: int = 0,
    biases: bool = False,
    alignment: float = 1.0,
) -> Network:
    """Draw a network of the given widths (d, n_1, ..., n_L) for a rule.

    Feedback matrices have entries of random sign and of size uniform in [1/2, 3/2], away from zero because bounds
    divide by them. Biases, where asked for, start at zero and are trained.

    Parameters
    ----------
    kind : {"aligned", "small", "zero", "gaussian"}
        ``gaussian``: W_l normal with variance 1 / n_{l-1}. ``small``: a hundredth of that. ``zero``: W_l = 0.
        ``aligned``: every C_i = 1/2 |w_i|^2 - p Psi_i(v_i) equals -alignment / n_l, so that all C_i <= 0 and each
        hidden layer's s = sum_i -C_i is `alignment` (statement descent, *aligned initialisation*). W_1 is normal with
        E |w_i|^2 = alignment / n_1; the columns above point along the feedback. Under DFA only the last hidden
        layer has a potential; it is aligned, the layers below are gaussian.
    widths : sequence of int
        (d, n_1, ..., n_L), at least three positive integers.
    activation_name : str or Activation
        The activation.
    rule : str
        ``fa``, ``sign-fa``, ``adafa:K``, ``backprop`` or ``dfa``.
    seed : int
        Seed of NumPy's default generator.
    biases : bool
        Whether every layer has a trained bias.
    alignment : float
        The total s of an aligned start, positive.

    Raises
    ------
    TypeError
        If a width is not an integer or the activation is neither a name nor an Activation.
    ValueError
        If an argument is out of range, or an aligned start is asked for with an activation that is not homogeneous.

    Examples
    --------
    >>> import fa_theory as ft
    >>> network = ft.initialise("aligned", (3, 4, 1), "leaky_relu:0.2", seed=7)
    >>> [round(float(C), 12) for C in ft.laws.neuron_law(network)[0]]
    [-0.25, -0.25, -0.25, -0.25]
    """
    if kind not in INITIALISATIONS:
        raise not_among("init", kind, INITIALISATIONS)
    widths = tuple(map(index, widths))
    if len(widths) < 3 or min(widths) < 1:
        raise ValueError(f"widths must be at least three positive integers (d, n_1, ..., m), got {widths}")
    if not 0 < alignment < np.inf:
        raise ValueError(f"alignment must be a positive finite number, got {alignment}")
    phi = as_activation(activation_name)
    if kind == "aligned" and phi.degree is None:
        raise ValueError(f"an aligned start needs a homogeneous activation, got {phi.name}; use init small or gaussian")
    if seed < 0:
        raise ValueError(f"seed must be a whole number >= 0, got {seed}")
    rng = np.random.default_rng(seed)
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    gaussian = [rng.standard_normal((n, fan_in)) / np.sqrt(fan_in) for n, fan_in in shapes]
    outputs_of = [widths[-1] if rule == "dfa" else shape[0] for shape in shapes[1:]]
    feedback = [
        rng.choice([-1.0, 1.0], size=(shape[1], outputs)) * rng.uniform(0.5, 1.5, size=(shape[1], outputs))
        for shape, outputs in zip(shapes[1:], outputs_of, strict=True)
    ]
    feedback_rules(rule, gaussian, feedback)  # refuses an unknown rule before anything is drawn from it
    scale = {"gaussian": 1.0, "small": 0.01, "zero": 0.0}
    if kind == "aligned":
        weights, rules = _aligned(gaussian, feedback, rule, int(phi.degree or 1), alignment)
    else:
        weights = [scale[kind] * W for W in gaussian]
        rules = feedback_rules(rule, weights, feedback)
    return Network(weights, phi, rules, [np.zeros(len(W)) for W in weights] if biases else None)


def _aligned(
    gaussian: list[Matrix], feedback: list[Matrix], rule: str, degree: int, alignment: float
) -> tuple[list[Matrix], tuple[FeedbackRule, ...]]:
    weights = [gaussian[0] * np.sqrt(alignment / len(gaussian[0]))]
    for layer, B in enumerate(feedback, start=1):
        below = weights[-1]
        if rule == "dfa" and layer < len(feedback):
            weights.append(gaussian[layer])
            continue
        target = (np.sum(below**2, axis=1) / 2 + alignment / len(below)) / degree
        weights.append(_columns_of_potential(rule, B, target))
    kappa = rule.partition(":")[2]
    if kappa:  # the aligned columns were solved for B as the constant D of adaFA
        feedback = [B + float(kappa) * W.T for B, W in zip(feedback, weights[1:], strict=True)]
    return weights, feedback_rules(rule, weights, feedback)


def _columns_of_potential(rule: str, B: Matrix, target: Matrix) -> Matrix:
    """Return W, (n_{l+1}, n_l), whose columns point along the rows of B and have the potentials `target`."""
    kind, _, kappa = rule.partition(":")
    squared_norm = np.sum(B**2, axis=1)
    match kind:
        case "backprop":
            length = np.sqrt(2 * target / squared_norm)
        case "sign-fa":
            length = target / np.sum(abs(B), axis=1)
        case "adafa":
            # kappa/2 mu^2 |D|^2 + mu |D|^2 = target, with B as the constant D; stable at kappa = 0
            ratio = target / squared_norm
            length = 2 * ratio / (1 + np.sqrt(1 + 2 * float(kappa) * ratio))
        case _:
            length = target / squared_norm
    columns: Matrix = B * length[:, None]
    return columns.T
