"""Identities that hold at every state or in every step: neuron-identity, dissipation-split, bregman-drift."""

from __future__ import annotations

import numpy as np

from fa_theory.backend import from_numpy, least_resolved, machine_epsilon, namespace, to_numpy
from fa_theory.dynamics import Trajectory, dissipation, forward, minibatches
from fa_theory.laws import (
    bregman_drift,
    exact_array,
    exact_network,
    exact_number,
    layers_with_potential,
    nearest_floats,
    neuron_identity,
)
from fa_theory.model import Network, PotentialFeedback, Problem
from fa_theory.verification.dominance import Dominance, dominance_along
from fa_theory.verification.measured_decay import MeasuredDecay
from fa_theory.verification.verdict import (
    Verdict,
    first_failure,
    judge_deviation,
    no_weight_decay,
    not_applicable,
    yes_or_no,
)

_EXACT_STEPS = 2
_EXACT_BATCH = 16


def _rounding(network: Network, problem: Problem) -> float:
    """Bound the relative rounding of one forward and backward pass: eps times the lengths of its sums."""
    return 4 * machine_epsilon(problem.X) * (problem.n_samples + sum(network.widths))


def assess_neuron_identity(trajectory: Trajectory) -> Verdict:
    """Judge statement neuron-identity at every recorded state, to rounding.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_neuron_identity
    >>> problem = ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> for phi in ("power:2", "tanh"):
    ...     run = ft.simulate(ft.initialise("gaussian", (2, 3, 1), phi), problem, method="gd", steps=5)
    ...     assess_neuron_identity(run).verdict
    'holds'
    'not_applicable'
    """
    network, problem = trajectory.network, trajectory.problem
    failure = first_failure(
        no_weight_decay(trajectory.weight_decay),
        yes_or_no("homogeneous activation", network.activation.degree is not None, network.activation.name),
    )
    if failure is not None:
        return not_applicable("neuron-identity", failure)
    worst = 0.0
    allowed, least = _rounding(network, problem), least_resolved(problem.X)
    for k in range(len(trajectory.t)):
        now, slopes = trajectory.network_at(k), trajectory.slopes_at(k)
        errors = problem.loss.derivative(forward(now, problem.X, slopes).output, problem.Y)
        for identity in neuron_identity(now, problem.X, errors, slopes):
            gap, size = to_numpy(abs(identity.left - identity.right)), to_numpy(identity.size)
            relative = np.divide(gap, size, out=np.where(np.isfinite(size), 0.0, np.nan), where=size > least)
            worst = float(np.maximum(worst, np.max(relative)))  # keeps NaN, unlike Python's max
    detail = f"largest relative gap {worst:.2e} over {len(trajectory.t)} states, rounding {allowed:.2e}"
    if len(layers_with_potential(network)) < network.depth - 1:
        detail += "; last hidden layer only (direct feedback)"
    return judge_deviation("neuron-identity", worst, allowed, detail)


def assess_dissipation_split(trajectory: Trajectory, decay: MeasuredDecay | None = None) -> Verdict:
    """Judge statement dissipation-split at every recorded state against a forward-mode derivative of the loss.

    `decay`, where it is given, is told of; it depends on how well the recorded times resolve the rate, and so does not
    change the verdict.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_dissipation_split
    >>> network, problem = ft.initialise("gaussian", (2, 3, 4, 1), "tanh"), ft.Problem([[1.0, -1.0]], [1.0])
    >>> assess_dissipation_split(ft.simulate(network, problem, method="gd", steps=5)).verdict
    'holds'
    """
    network, problem = trajectory.network, trajectory.problem
    failure = first_failure(no_weight_decay(trajectory.weight_decay))
    if failure is not None:
        return not_applicable("dissipation-split", failure)
    allowed, least = _rounding(network, problem), least_resolved(problem.X)
    worst = 0.0
    for k in range(len(trajectory.t)):
        split = dissipation(trajectory.network_at(k), problem, trajectory.slopes_at(k))
        if not split.size <= least:
            worst = float(np.maximum(worst, abs(split.rate - split.predicted_rate) / split.size))
    detail = (
        f"largest relative gap {worst:.2e} over {len(trajectory.t)} states, rounding {allowed:.2e}; "
        f"{_in_words(dominance_along(trajectory))}{_decay_in_words(decay)}"
    )
    return judge_deviation("dissipation-split", worst, allowed, detail)


def _in_words(dominance: Dominance) -> str:
    constants = (("|F|^2", dominance.feedback), ("|G|^2", dominance.gradient))
    found = ", ".join(f"{constant:.4g} {size}" for size, constant in constants if constant is not None)
    if not dominance.failures:
        return f"<G,F> at least {found}" if found else "F = 0 in every hidden layer"
    first, last = dominance.failures[0], dominance.failures[-1]
    return f"alignment fails at {len(dominance.failures)} times from t = {first:.4g} to {last:.4g}, <G,F> >= {found}"


def _decay_in_words(decay: MeasuredDecay | None) -> str:
    if decay is None:
        return ""
    gap = (
        f"; log L(t) is minus the integral of the measured rate to {np.max(decay.deviation):.2e} until t = "
        f"{decay.t[-1]:.4g}, error estimate {decay.tolerance[-1]:.2e}"
    )
    return gap if decay.agrees else f"{gap} (the recorded times are too few for it)"


def assess_bregman_drift(
    network: Network, problem: Problem, step_size: float, seed: int, weight_decay: tuple[float, ...] = ()
) -> Verdict:
    """Judge statement bregman-drift on SGD steps from this start, in exact rational arithmetic.

    The start's floats are taken as the rationals that they are, and so are the errors e, which are evaluated in
    floating point (the statement holds for any e): the two sides of every step are compared for equality.

    Examples
    --------
    >>> import fa_theory as ft
    >>> from fa_theory.verification import assess_bregman_drift
    >>> network, problem = ft.initialise("gaussian", (2, 3, 1)), ft.Problem([[1.0, 0.0], [0.0, 2.0]], [1.0, -1.0])
    >>> verdict = assess_bregman_drift(network, problem, 0.5, seed=0)
    >>> verdict.verdict, verdict.evidence, verdict.detail
    ('holds', 'exact', '6 equations over 2 SGD steps of size 0.5 in rationals, 0 unequal')
    """
    user_rule = any(isinstance(rule, PotentialFeedback) for rule in network.feedback)
    failure = first_failure(
        no_weight_decay(weight_decay),
        yes_or_no("homogeneous activation", network.activation.degree is not None, network.activation.name),
        yes_or_no("a built-in rule (a user's own may not be rational)", not user_rule, network.rule_name),
    )
    if failure is not None:
        return not_applicable("bregman-drift", failure)
    exact, eta = exact_network(network), exact_number(step_size)
    batches = minibatches(problem.n_samples, min(_EXACT_BATCH, problem.n_samples), seed)
    xp = namespace(problem.X)
    wrong, compared, steps = 0, 0, 0
    for _ in range(_EXACT_STEPS):
        chosen = from_numpy(next(batches), problem.X)
        X = exact_array(xp.take(problem.X, chosen, axis=0))
        try:
            output = nearest_floats(forward(exact, X).output)
        except OverflowError:
            break
        labels = to_numpy(xp.take(problem.Y, chosen, axis=0)).astype(float)
        errors = problem.loss.derivative(output, labels)
        if not np.all(np.isfinite(errors)):
            break
        exact, drifts = bregman_drift(exact, X, exact_array(errors), eta)
        steps += 1
        for drift in drifts:
            wrong += int(np.sum(drift.observed != drift.predicted))
            compared += len(drift.observed)
    verdict = "undecided" if compared == 0 else "refuted" if wrong else "holds"
    detail = f"{compared} equations over {steps} SGD steps of size {step_size:g} in rationals, {wrong} unequal"
    return Verdict("bregman-drift", verdict, "exact" if compared else None, -1.0 if wrong else 1.0, detail)
