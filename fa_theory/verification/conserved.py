"""Conservation laws along a trajectory, judged against the integrator's own error estimate."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from fa_theory.backend import to_numpy
from fa_theory.dynamics import GAUSS_METHODS, Trajectory
from fa_theory.laws import (
    has_matrix_law,
    layers_with_potential,
    matrix_law,
    neuron_law,
    neuron_law_size,
    unreached_neurons,
    unseen_inputs,
)
from fa_theory.model import DirectFeedback, FeedbackAlignment, Network, PotentialFeedback, SignFeedback
from fa_theory.verification.verdict import (
    Verdict,
    first_failure,
    judge_deviation,
    no_weight_decay,
    not_applicable,
    yes_or_no,
)

Host = np.ndarray[Any, Any]

_WIDEST = 1000
"""Wider layers' matrices are not compared: each recorded time takes the square of the width."""


class LawDrift(NamedTuple):
    """How far a conserved quantity has moved, and how far integration errors may have moved it.

    Attributes
    ----------
    drift : array, (P,)
        The largest change since the start over all entries, at each recorded time.
    tolerance : array, (P,)
        The largest error estimate up to the next recorded time, plus rounding.
    size : float
        The size of the terms that the quantity adds up, for a relative reading.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import neuron_law_drift
    >>> network = ft.Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]])
    >>> run = ft.simulate(network, ft.Problem([[1.0]], [1.0]), method="gd", steps=2, step_size=0.5)
    >>> found = neuron_law_drift(run)
    >>> found.drift.tolist(), bool(found.tolerance[-1] < 1e-12)  # eta^2/2 |F_1|^2 in every step
    ([0.0, 0.125, 0.25], True)
    """

    drift: Host
    tolerance: Host
    size: float


def joined(parts: tuple[Any, ...]) -> Host:
    """Return all entries of several arrays as one vector."""
    return np.concatenate([to_numpy(part).ravel() for part in parts])


def up_to_next(uncertainty: Host) -> Host:
    """Return the largest uncertainty up to the next recorded time, (P,): two runs that drift apart cross on the way."""
    largest = np.maximum.accumulate(uncertainty)
    return np.append(largest[1:], largest[-1:])


def law_drift(
    trajectory: Trajectory,
    quantity: Callable[[Network], Host],
    size: float,
    segments: list[tuple[int, int]] | None = None,
) -> LawDrift:
    """Measure a quantity along a trajectory.

    Parameters
    ----------
    trajectory : Trajectory
        The run.
    quantity : callable
        Network -> array, the quantity that should stay as it was.
    size : float
        The size of the terms that the quantity adds up.
    segments : list of (int, int), optional
        Index ranges within each of which the quantity should be constant; the whole run by default.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import law_drift
    >>> network = ft.Network([[[0.0]], [[0.0]]], "linear", [[[1.0]]])
    >>> run = ft.simulate(network, ft.Problem([[1.0]], [1.0]), method="gd", steps=2, step_size=0.5)
    >>> law_drift(run, lambda now: now.weights[0], size=1.0).drift.tolist()
    [0.0, 0.5, 1.0]
    """
    values, uncertainty = trajectory.along(quantity)
    count = len(values)
    values, uncertainty = values.reshape(count, -1), uncertainty.reshape(count, -1)
    drift = np.zeros(count)
    for start, end in segments or [(0, count)]:
        drift[start:end] = np.max(abs(values[start:end] - values[start]), axis=1, initial=0.0)
    largest = up_to_next(np.max(uncertainty, axis=1, initial=0.0))
    if segments:
        largest = 2 * largest
    return LawDrift(drift, largest + trajectory.rounding * size, size)


def judge_drift(statement: str, drift: LawDrift, trajectory: Trajectory, remark: str = "") -> Verdict:
    """Judge the drift of a conserved quantity where it is largest against its tolerance."""
    ratio = np.divide(drift.drift, drift.tolerance, out=np.zeros_like(drift.drift), where=drift.tolerance > 0)
    worst = int(np.argmax(np.where(drift.tolerance > 0, ratio, np.where(drift.drift > 0, np.inf, 0.0))))
    detail = f"largest drift {np.max(drift.drift):.2e} of {drift.size:.3g}, tolerance {drift.tolerance[-1]:.2e}{remark}"
    if not trajectory.unique:
        detail += "; the flow is not unique, this is one solution"
    return judge_deviation(statement, float(drift.drift[worst]), float(drift.tolerance[worst]), detail)


def neuron_law_drift(trajectory: Trajectory) -> LawDrift:
    """Measure the neuron law along a trajectory (all hidden layers that have it).

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import neuron_law_drift
    >>> network = ft.initialise("aligned", (2, 3, 1), "leaky_relu:0.2", seed=0)
    >>> run = ft.simulate(network, ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0]), time=1.0, points=5)
    >>> found = neuron_law_drift(run)
    >>> found.drift.shape, bool((found.drift <= found.tolerance).all())
    ((5,), True)
    """
    size = max(float(np.max(joined(neuron_law_size(trajectory.network_at(k))))) for k in (0, len(trajectory.t) - 1))
    return law_drift(trajectory, lambda network: joined(neuron_law(network)), size)


def assess_neuron_law(trajectory: Trajectory) -> Verdict:
    """Judge statement neuron-law on a trajectory of the flow, or of a Gauss method where that keeps it exactly.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_neuron_law
    >>> problem = ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> for phi in ("leaky_relu:0.2", "tanh"):
    ...     run = ft.simulate(ft.initialise("gaussian", (2, 3, 1), phi), problem, time=1.0, points=5)
    ...     assess_neuron_law(run).verdict
    'holds'
    'not_applicable'
    """
    network = trajectory.network
    quadratic = not any(isinstance(rule, SignFeedback | PotentialFeedback) for rule in network.feedback)
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        yes_or_no("homogeneous activation", network.activation.degree is not None, network.activation.name),
        yes_or_no(
            "flow, or midpoint or Gauss rule with a quadratic law",
            trajectory.method == "flow" or (trajectory.method in GAUSS_METHODS and quadratic),
            f"method {trajectory.method}",
        ),
    )
    if failure is not None:
        return not_applicable("neuron-law", failure)
    layers = len(layers_with_potential(network))
    remark = "" if layers == network.depth - 1 else "; last hidden layer only (direct feedback)"
    return judge_drift("neuron-law", neuron_law_drift(trajectory), trajectory, remark)


def _matrix_law_size(network: Network) -> float:
    # an off-diagonal entry is at most the mean of two diagonal ones in size
    return 4 * float(np.max(joined(neuron_law_size(network))))


def _between_sign_changes(trajectory: Trajectory) -> list[tuple[int, int]]:
    changes = [event.time for event in trajectory.events if event.kind == "sign change"]
    cuts = sorted({int(np.searchsorted(trajectory.t, time, side="right")) for time in changes})
    edges = [0, *(cut for cut in cuts if 0 < cut < len(trajectory.t)), len(trajectory.t)]
    return list(pairwise(edges))


def matrix_law_drift(trajectory: Trajectory) -> LawDrift:
    """Measure the matrix law along a trajectory; under sign-FA within the stretches between sign changes.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import matrix_law_drift
    >>> network = ft.initialise("gaussian", (2, 3, 1), seed=0)
    >>> run = ft.simulate(network, ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0]), time=1.0, points=5)
    >>> found = matrix_law_drift(run)
    >>> bool((found.drift <= found.tolerance).all())
    True
    """
    size = max(_matrix_law_size(trajectory.network_at(k)) for k in (0, len(trajectory.t) - 1))
    signs = any(isinstance(rule, SignFeedback) for rule in trajectory.network.feedback)
    segments = _between_sign_changes(trajectory) if signs else None
    return law_drift(trajectory, lambda network: joined(matrix_law(network)), size, segments)


def assess_matrix_law(trajectory: Trajectory) -> Verdict:
    """Judge statement matrix-law on a trajectory of the flow, or of a Gauss method where that keeps it exactly.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_matrix_law
    >>> problem = ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> for phi in ("linear", "relu"):
    ...     run = ft.simulate(ft.initialise("gaussian", (2, 3, 1), phi), problem, time=1.0, points=5)
    ...     assess_matrix_law(run).verdict
    'holds'
    'not_applicable'
    """
    network = trajectory.network
    signs = any(isinstance(rule, SignFeedback) for rule in network.feedback)
    widest = max(network.widths[1:-1])
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        yes_or_no("linear activation", network.activation.is_linear, network.activation.name),
        yes_or_no("a rule with a known quadratic form", has_matrix_law(network), network.rule_name),
        yes_or_no(f"at most {_WIDEST} neurons in a layer", widest <= _WIDEST, f"{widest} neurons, squared entries"),
        yes_or_no(
            "flow, or midpoint or Gauss rule with a quadratic law",
            trajectory.method == "flow" or (trajectory.method in GAUSS_METHODS and not signs),
            f"method {trajectory.method}",
        ),
    )
    if failure is not None:
        return not_applicable("matrix-law", failure)
    return judge_drift("matrix-law", matrix_law_drift(trajectory), trajectory)


def projection_law_drift(trajectory: Trajectory) -> LawDrift:
    """Measure W_1 (I - P_X), and in linear networks with fixed feedback (I - U U^T) (W_1, b_1), along a trajectory.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import projection_law_drift
    >>> network, problem = ft.initialise("gaussian", (3, 2, 1)), ft.Problem([[1.0, 2.0, 0.0]], [1.0])
    >>> found = projection_law_drift(ft.simulate(network, problem, method="gd", steps=20))
    >>> bool((found.drift <= found.tolerance).all())  # linear in W_1, so kept by steps too
    True
    """
    network, X = trajectory.network, trajectory.problem.X
    fixed = all(isinstance(rule, FeedbackAlignment | DirectFeedback) for rule in network.feedback)
    with_range = fixed and network.activation.is_linear

    def unmoved(now: Network) -> Host:
        parts = (unseen_inputs(now, X), unreached_neurons(now)) if with_range else (unseen_inputs(now, X),)
        return joined(parts)

    size = max(
        float(np.linalg.norm(to_numpy(trajectory.network_at(k).first_layer_weights())))
        for k in (0, len(trajectory.t) - 1)
    )
    return law_drift(trajectory, unmoved, size)


def assess_projection_law(trajectory: Trajectory) -> Verdict:
    """Judge statement projection-law; it is linear in W_1, and so holds for discrete steps too.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_projection_law
    >>> network, problem = ft.initialise("gaussian", (3, 2, 1), "tanh"), ft.Problem([[1.0, 2.0, 0.0]], [1.0])
    >>> verdict = assess_projection_law(ft.simulate(network, problem, method="gd", steps=20))
    >>> verdict.verdict, verdict.detail.partition("; ")[2]
    ('holds', 'inputs (the part on neurons needs linear FA)')
    """
    network = trajectory.network
    failure = first_failure(no_weight_decay(trajectory.weight_decay))
    if failure is not None:
        return not_applicable("projection-law", failure)
    both = network.activation.is_linear and all(
        isinstance(rule, FeedbackAlignment | DirectFeedback) for rule in network.feedback
    )
    remark = "; inputs and neurons" if both else "; inputs (the part on neurons needs linear FA)"
    return judge_drift("projection-law", projection_law_drift(trajectory), trajectory, remark)
